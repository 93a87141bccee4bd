"""The look: the lab's colours, light and dark, in a notebook of either theme, within our own pieces only."""

from __future__ import annotations

BLUE, ORANGE = (31, 95, 168), (201, 98, 24)
"""What adds and what takes away; people who are colour-blind tell these two apart too."""

LIGHT = """color-scheme: light; --surface: #ffffff; --paper: #f5f6f8; --line: #e1e5ea; --ink: #18212c; --soft: #566274;
  --accent: #1f5fa8; --warm: #a94d16; --adds: 31 95 168; --takes: 201 98 24; --strong: .5"""
DARK = """color-scheme: dark; --surface: #161c25; --paper: #0e131a; --line: #28313e; --ink: #e5eaf1; --soft: #9fabbb;
  --accent: #7fb4f0; --warm: #f0a068; --adds: 111 172 240; --takes: 240 150 80; --strong: .38"""

_LIGHT_THEMES = '[data-jp-theme-light="true"]', "html[theme=light]", "html[data-theme=light]", "body.vscode-light"
_DARK_THEMES = '[data-jp-theme-light="false"]', "html[theme=dark]", "html[data-theme=dark]", "body.vscode-dark"

_PIECES = """
& { background: var(--surface); color: var(--ink); font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1.1rem 1rem; margin: .2rem 0; max-width: 72rem; text-align: left }
&.bare { border: 0; padding: 0; background: none; max-width: none; margin: 0 } & * { box-sizing: border-box }
& .title { font-size: 1.05rem; font-weight: 600; margin: 0 0 .15rem; color: inherit } & h4 { font-size: .85rem; font-weight: 600; margin: 1rem 0 .3rem; color: var(--soft) }
& p { margin: .2rem 0 .6rem; max-width: 48rem; color: inherit } & .said, & .note, & .soft { color: var(--soft); font-size: .87rem } & .note { margin: .4rem 0 0 }
& .value { font-size: 1.6rem; line-height: 1.2; font-weight: 560; font-variant-numeric: tabular-nums; margin: .1rem 0 }
& code, & .formula { font: .82rem/1.6 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; color: inherit; background: none; padding: 0 }
& .formula { background: var(--paper); padding: .45rem .7rem; border-radius: .4rem; margin: .2rem 0; overflow-wrap: anywhere; max-height: 14rem; overflow: auto }
& details { margin: .6rem 0 0 } & summary { cursor: pointer; color: var(--accent); font-size: .87rem }
& ul.plain { list-style: none; margin: .2rem 0; padding: 0 } & ul.plain li { margin: .12rem 0 }
& .scroll { overflow: auto; max-height: 34rem; scrollbar-width: thin }
"""

_PARTS = """
& .tokens { list-style: none; display: flex; flex-wrap: wrap; gap: .35rem; padding: 0; margin: .5rem 0 }
& .tokens li { padding: .1rem .5rem .08rem; border-radius: .4rem; text-align: center; color: #16161e; line-height: 1.3; margin: 0 }
& .tokens b { font-weight: 500; white-space: pre-wrap; display: block } & .tokens small { font-size: .7rem; opacity: .65 }
& .c0 { background: #f6c177 } & .c1 { background: #9ccfd8 } & .c2 { background: #c4a7e7 } & .c3 { background: #a7d8a0 } & .c4 { background: #f2a7a7 } & .c5 { background: #d9d7ee }
& .shaded { margin: .15rem 0; max-width: none; white-space: pre-wrap } & .shaded span { background: rgb(var(--adds) / calc(var(--s) * var(--strong))) !important; border-radius: 2px; padding: .05rem 0 }
& table { border-collapse: collapse; font-size: .87rem; margin: .3rem 0; border: 0; table-layout: auto; color: inherit; background: none; display: table }
& tr, & tbody tr:nth-child(n), & tbody tr:hover { background: none; border: 0 }
& td, & th { padding: .2rem .55rem; border: 0; text-align: left; white-space: pre; color: inherit; font-weight: 400; vertical-align: middle; max-width: none }
& th { font-weight: 550; font-size: .84rem } & thead th { color: var(--soft); font-weight: 450; text-align: center }
& .num { text-align: right; font-variant-numeric: tabular-nums }
& .rows { width: 100%; max-width: 58rem } & .rows td, & .rows th { border-bottom: 1px solid var(--line) } & .rows thead th { text-align: right } & .rows thead th:first-child { text-align: left } & .rows thead th:last-child { width: auto } & .rows .num { width: 1% }
& .rows th { width: 1%; max-width: 26rem; overflow: hidden; text-overflow: ellipsis } & .rows .sum th, & .rows .sum td { font-weight: 650; border-bottom: 0 }
& .rows .wide { min-width: 8rem; padding-right: 0 }
& .bar { position: relative; display: block; height: .75rem; background: linear-gradient(var(--line), var(--line)) calc(var(--z, 0) * 100%) 0 / 1px 100% no-repeat }
& .bar i { position: absolute; top: 0; bottom: 0; left: calc(var(--a) * 100%); width: calc(var(--w) * 100%); min-width: 2px; border-radius: 2px; background: var(--accent) } & .bar i.less { background: var(--warm) }
& .map td { background: rgb(var(--adds) / calc(var(--s) * var(--strong))) !important; border: 1px solid var(--surface); text-align: center; max-width: 7.5rem; min-width: 2rem; overflow: hidden; text-overflow: ellipsis; padding: .22rem .35rem }
& .map td.less { background: rgb(var(--takes) / calc(var(--s) * var(--strong))) !important } & .map tbody th { max-width: 11rem; overflow: hidden; text-overflow: ellipsis } & .map thead th { max-width: 7.5rem; overflow: hidden; text-overflow: ellipsis }
& .map thead th { position: sticky; top: 0; background: var(--surface) } & .map tbody th { position: sticky; left: 0; background: var(--surface) } & .map .here { outline: 2px solid var(--accent); outline-offset: -2px }
& .maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .9rem; max-width: 60rem } & .maps.one { grid-template-columns: minmax(8.5rem, 30rem) }
& figure { margin: 0 } & figcaption { font-size: .75rem; color: var(--soft) }
& .maps .marks, & .maps img { width: 100%; max-width: none; display: block; border: 1px solid var(--line); border-radius: .3rem; image-rendering: pixelated; margin: 0; background: none }
& .maps .marks { display: grid; grid-template: repeat(var(--rows), minmax(0, 1fr)) / repeat(var(--columns), minmax(0, 1fr)); aspect-ratio: var(--columns) / var(--rows) } & .marks i { background: rgb(var(--adds) / var(--s)) }
"""

_PAPER = """
@media print { & { border: 0; print-color-adjust: exact; -webkit-print-color-adjust: exact } & .scroll { overflow: visible; max-height: none }
  & h4 { break-after: avoid } & figure, & tr, & li { break-inside: avoid } & .maps { grid-template-columns: repeat(4, 1fr) } }
"""


def _scoped(style: str) -> str:
    # The class twice, so that a notebook's own rules for tables give way.
    return style.replace("&", ".workings-view.workings-view")


def _themes(themes: tuple[str, ...], colours: str) -> str:
    return _scoped("".join(f"{theme} & {{ {colours} }}\n" for theme in themes))


STYLE = (
    _scoped(f"& {{ {LIGHT} }}\n@media (prefers-color-scheme: dark) {{ & {{ {DARK} }} }}\n")
    + _themes(_LIGHT_THEMES, LIGHT)
    + _themes(_DARK_THEMES, DARK)
    + _scoped(f"@media print {{ & {{ {LIGHT} }} }}\n")
    + _scoped(_PIECES + _PARTS + _PAPER)
)
"""Everything inside `.workings-view`, and nothing outside it."""
