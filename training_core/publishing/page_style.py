"""The style sheet of a page: the project's themes, dark or light as the reader prefers."""

import tomllib
from pathlib import Path
from typing import Any, Final

SERIES: Final = 8
"""Colors of curves."""
_RULES: Final = """
body{margin:2rem auto;max-width:74rem;padding:0 1rem;background:var(--background);
color:var(--foreground);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}
.muted,caption{color:var(--muted)}.warning{color:var(--warning);margin:.25rem 0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr));gap:0 2rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th{font-weight:normal;color:var(--muted)}td,th{padding:.2rem .7rem;text-align:right;
border-bottom:1px solid var(--grid);white-space:nowrap}td:first-child,th:first-child{text-align:left}
caption{text-align:left;padding:.3rem 0}tr.network td:first-child{font-weight:bold}
svg{width:100%;height:auto;font-size:12px}text{fill:var(--muted)}
.grid{stroke:var(--grid);stroke-width:1}polyline{fill:none;stroke-width:1.8}
.ideal{stroke:var(--muted);stroke-dasharray:4 4}.error{stroke:var(--error);stroke-width:1}
.receiver{fill:var(--receiver)}.truth{fill:var(--truth)}.estimate{fill:var(--estimate)}
.spread{font-size:.85em;color:var(--muted)}
.key{display:inline-block;margin-right:1rem;white-space:nowrap}
.key i{display:inline-block;width:1.1em;height:.25em;margin-right:.4em;vertical-align:middle}
"""


def page_style() -> str:
    """Rules and colors."""
    series = "".join(
        f".s{n}{{stroke:var(--s{n})}}.b{n}{{background:var(--s{n})}}.d{n}{{fill:var(--s{n})}}"
        for n in range(SERIES)
    )
    dark, light = _colors("heimdall-dark"), _colors("heimdall-light")
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}{_RULES}{series}"
    )


def _colors(name: str) -> str:
    theme: dict[str, Any] = tomllib.loads((_folder() / f"{name}.toml").read_text("utf-8"))
    named = {
        **{key: theme["surface"][key] for key in ("background",)},
        **{key: theme["text"][key] for key in ("foreground", "muted")},
        **{key: theme["message"][key] for key in ("warning", "error")},
        "grid": theme["chart"]["grid"],
        **{key: theme["map"][key] for key in ("receiver", "truth", "estimate")},
        **{f"s{number}": color for number, color in enumerate(theme["chart"]["series"][:SERIES])},
    }
    return "".join(f"--{key}:{color};" for key, color in named.items())


def _folder() -> Path:
    """Inside the installed console, or beside it in a checkout."""
    above = Path(__file__).parents[2]
    inside = above / "heimdall_console" / "themes"
    return inside if inside.is_dir() else above / "themes"
