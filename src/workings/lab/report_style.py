"""How the report looks: light and dark, on a screen and on paper; its tables and maps have the style of `display`."""

from workings.display.style import DARK, LIGHT

STYLE = f"""
:root {{ {LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {DARK} }} }}
@media print {{ :root {{ {LIGHT} }} }}
* {{ box-sizing: border-box }}
body {{ margin: 0; background: var(--surface); color: var(--ink); font: 17px/1.6 Charter, "Iowan Old Style", "Palatino Linotype", Georgia, serif }}
main {{ max-width: 54rem; margin: 0 auto; padding: 4rem 1.5rem 3rem }}
h1 {{ font-size: clamp(1.7rem, 4vw, 2.6rem); line-height: 1.25; margin: .2em 0 .5em; font-weight: 600; overflow-wrap: anywhere }}
h2 {{ font-size: 1.45rem; margin: 3.2rem 0 .3rem }}
p {{ max-width: 42rem }} .lead {{ font-size: 1.2rem }} .lead strong {{ color: var(--accent) }}
.eyebrow, footer {{ font-family: system-ui, sans-serif }}
.eyebrow {{ color: var(--accent); font-size: .85rem; letter-spacing: .06em; text-transform: uppercase; margin: 0 }}
code {{ font-size: .88em; overflow-wrap: anywhere }} .edits li {{ margin: .3rem 0 }}
footer {{ margin-top: 4rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .82rem }}
@media print {{ body {{ font-size: 11pt }} main {{ max-width: none; padding: 0 }} h2 {{ break-after: avoid }} }}
"""
