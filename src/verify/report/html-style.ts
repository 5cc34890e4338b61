/** The look of the report; colours are told apart in both schemes, and by shape and place where they must be. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2430; --dim: #667085; --line: #e4e7ec; --band: #f5f7fa; --card: #fcfcfd;
  --good: #08724a; --bad: #c02a1d; --free: #2563c9; --forced: #c2660c; --exact: #0a8a5f; --pytorch: #7a8394; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --ink: #e3e7ee; --dim: #929cae; --line: #2a313c; --band: #191f28; --card: #161b22;
  --good: #45c88f; --bad: #ff7b6b; --free: #6ea8ff; --forced: #f2a352; --exact: #45c88f; --pytorch: #8d97a8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; margin: 0 0 8px; letter-spacing: -0.01em; } h2 { font-size: 20px; margin: 0 0 4px; } h3 { font-size: 14px; margin: 20px 0 6px; color: var(--dim); font-weight: 600; }
.lead { max-width: 75ch; margin: 0 0 20px; } .dim { color: var(--dim); } .good { color: var(--good); } .bad { color: var(--bad); }
section { border: 1px solid var(--line); border-radius: 12px; background: var(--card); padding: 20px 22px; margin: 28px 0; }
.badge { font-size: 12px; font-weight: 600; border: 1px solid; border-radius: 99px; padding: 2px 10px; vertical-align: 3px; margin-right: 4px; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; font-size: 12px; color: var(--dim); white-space: nowrap; }
td, th { padding: 6px 12px 6px 0; vertical-align: top; } tbody tr { border-top: 1px solid var(--line); }
.matrix td, .matrix th { padding: 7px 28px 7px 0; font-size: 14px; } .matrix a { font-variant-numeric: tabular-nums; text-underline-offset: 3px; }
.scroll { overflow-x: auto; } .scroll table { width: 100%; font-size: 13px; margin: 4px 0 14px; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; } code { font: 12px ui-monospace, monospace; } p { overflow-wrap: anywhere; }
.scroll td:first-child { white-space: nowrap; } .scroll td:nth-child(2) { max-width: 230px; } .scroll td:last-child { min-width: 260px; }
tr.over td:first-child { box-shadow: inset 3px 0 var(--bad); padding-left: 9px; }
.bar { display: block; width: 100px; height: 4px; border-radius: 2px; background: var(--line); margin-top: 4px; overflow: hidden; } .bar i { display: block; height: 100%; background: var(--free); } .bar i.over { background: var(--bad); }
details { border-top: 1px solid var(--line); } summary { cursor: pointer; padding: 6px 0; } summary b { font-weight: 600; } summary.good b { color: var(--ink); }
figure { margin: 14px 0 6px; overflow-x: auto; } figure > svg { min-width: 640px; } svg { display: block; width: 100%; height: auto; } figcaption { display: flex; flex-wrap: wrap; gap: 4px 22px; font-size: 13px; margin-top: 6px; }
.key::before { content: ""; display: inline-block; width: 18px; border-top: 2.5px solid; margin-right: 7px; vertical-align: 4px; } .key.pytorch::before { border-top-style: dashed; }
.key.free, g.free { color: var(--free); } .key.forced, g.forced { color: var(--forced); } .key.exact, g.exact { color: var(--exact); } .key.pytorch, g.pytorch { color: var(--pytorch); }
g path { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; } g.pytorch path { stroke-dasharray: 6 4; } circle { fill: currentColor; } circle.over { fill: var(--paper); stroke: var(--bad); stroke-width: 2.5; }
.grid { stroke: var(--line); stroke-width: 1; } .band { fill: var(--band); } svg text { fill: var(--dim); font-size: 12px; } .tick { text-anchor: end; dominant-baseline: middle; } .power { font-size: 9px; } .part { text-anchor: middle; font-weight: 600; }
svg.histogram { display: inline-block; width: auto; } .histogram rect { fill: var(--free); opacity: 0.8; } .histogram text { font-size: 9px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; font-size: 13px; margin: 18px 0 0; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
footer { color: var(--dim); font-size: 13px; }
`;
