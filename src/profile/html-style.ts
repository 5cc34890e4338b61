/** What a profile's page looks like beside what every report does; a part has the same colour in bars and plot. */
export const PROFILE_STYLE = `
:root { --part-0: #8a93a3; --part-1: #2563c9; --part-2: #0a8a5f; --part-3: #c2660c; --part-4: #8b46c1; --part-5: #b3365f; }
@media (prefers-color-scheme: dark) { :root { --part-0: #8d97a8; --part-1: #6ea8ff; --part-2: #45c88f; --part-3: #f2a352; --part-4: #c193f0; --part-5: #f08cab; } }
${[0, 1, 2, 3, 4, 5].map((i) => `.part-${i} { color: var(--part-${i}); }`).join(' ')}
.scroll td, .scroll th { padding: 5px 14px 5px 0; } .scroll td:last-child { min-width: 0; } .scroll td:nth-child(2) { max-width: none; }
td.number, th.number { text-align: right; } tr.total { font-weight: 600; } tr.error td { color: var(--bad); }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 2px; background: currentColor; margin-right: 8px; }
.strip { display: flex; height: 26px; border-radius: 6px; overflow: hidden; margin: 4px 0 2px; gap: 1px; } .strip i { display: block; height: 100%; background: currentColor; min-width: 0; } .strip i.other { opacity: 0.35; }
.label { font-size: 13px; color: var(--dim); margin: 10px 0 0; }
.roof { stroke: var(--ink); stroke-width: 2; } .roof.cache { stroke: var(--dim); stroke-width: 1; stroke-dasharray: 5 4; }
.roofline circle { fill: currentColor; fill-opacity: 0.45; stroke: currentColor; stroke-width: 1.5; } .roofline .below { text-anchor: middle; } .roofline .name { fill: var(--ink); }
.mark { font-weight: 400; color: var(--dim); } details summary b { font-weight: 600; }
`;
