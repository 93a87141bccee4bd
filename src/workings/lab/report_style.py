"""How the report looks: light and dark, on a screen and on paper."""

STYLE = """
:root { --ink: #1f2937; --soft: #64748b; --paper: #ffffff; --line: #e2e8f0; --accent: #0f766e; --shade: 15, 118, 110 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e2e8f0; --soft: #94a3b8; --paper: #0b1220; --line: #24324a; --accent: #5eead4; --shade: 45, 212, 191 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.6 Charter, "Iowan Old Style", "Palatino Linotype", Georgia, serif }
main { max-width: 54rem; margin: 0 auto; padding: 4rem 1.5rem 3rem }
h1 { font-size: clamp(1.7rem, 4vw, 2.6rem); line-height: 1.25; margin: .2em 0 .5em; font-weight: 600; overflow-wrap: anywhere }
h2 { font-size: 1.45rem; margin: 3.2rem 0 .3rem } h3 { font-size: 1.1rem; margin: 2rem 0 .4rem } h4 { margin: 1.6rem 0 .3rem; font-size: 1rem; color: var(--soft) }
p { max-width: 42rem } .lead { font-size: 1.2rem } .lead strong { color: var(--accent) }
.eyebrow, small, th, figcaption, footer, .num { font-family: system-ui, sans-serif }
.eyebrow { color: var(--accent); font-size: .85rem; letter-spacing: .06em; text-transform: uppercase; margin: 0 }
.tokens { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem; padding: 0; margin: 1.2rem 0 }
.tokens li { padding: .25rem .55rem .15rem; border-radius: .45rem; text-align: center; color: #16161e; line-height: 1.3 }
.tokens b { font-weight: 500; white-space: pre-wrap; display: block } .tokens small { font-size: .7rem; opacity: .65 }
.c0 { background: #f6c177 } .c1 { background: #9ccfd8 } .c2 { background: #c4a7e7 } .c3 { background: #a7d8a0 } .c4 { background: #f2a7a7 } .c5 { background: #d9d7ee }
table { border-collapse: collapse; font-size: .95rem } th { text-align: left; font-weight: 600; font-size: .85rem; white-space: pre }
td, th { padding: .28rem .6rem; border-bottom: 1px solid var(--line) } .num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.next { width: 100% } .next tr:first-child > * { color: var(--soft); font-weight: 400 } .wide { width: 55% }
.bar { display: block; height: .8rem; width: calc(var(--w) * 100%); min-width: 2px; background: var(--accent); border-radius: 0 .3rem .3rem 0 }
.scroll { overflow-x: auto } .lens { font-size: .82rem; font-family: system-ui, sans-serif }
.lens td { background: rgba(var(--shade), calc(var(--s) * .55)); white-space: pre; max-width: 7.5rem; overflow: hidden; text-overflow: ellipsis; border: 1px solid var(--paper) }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem } figure { margin: 0 } figcaption { font-size: .75rem; color: var(--soft) }
.maps svg { width: 100%; display: block; border: 1px solid var(--line); border-radius: .3rem; fill: var(--accent); shape-rendering: crispEdges }
code { font-size: .88em; overflow-wrap: anywhere } .edits li { margin: .3rem 0 }
footer { margin-top: 4rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .82rem }
@media print {
  :root { --ink: #111; --soft: #555; --paper: #fff; --line: #ccc; --accent: #0f766e; --shade: 15, 118, 110 }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  body { font-size: 11pt } main { max-width: none; padding: 0 } h2, h3, h4 { break-after: avoid } figure, tr, li { break-inside: avoid } .scroll { overflow: visible }
  .maps { grid-template-columns: repeat(4, 1fr) }
}
"""
