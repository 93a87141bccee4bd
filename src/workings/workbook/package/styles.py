"""How cells look: a small closed set of styles, by name.

One accent colour, dark text on white, much room. What a person may change is tinted; what only explains is grey. Numbers
stand right-aligned with as many decimals everywhere, so that their points are below one another.
"""

from __future__ import annotations

from typing import Any

FONT, SIZE = "Calibri", 11
INK, MUTED, ACCENT, RULE = "#1F2933", "#6B7785", "#1F5FA8", "#C9D3DE"
TINT, INPUT_FILL, INPUT_EDGE, WARNING, WARNING_FILL = "#EAF1F9", "#FFF8E1", "#E0A800", "#9A3412", "#FFF1E8"

PLAIN: dict[str, Any] = {"font_name": FONT, "font_size": SIZE, "font_color": INK}
"""What every style begins with, and what cells without a style have."""

INPUT: dict[str, Any] = {
    "bg_color": INPUT_FILL,
    "border": 1,
    "border_color": INPUT_EDGE,
    "font_color": ACCENT,
    "locked": False,
}
"""What every cell that invites to type has."""

STYLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "text": {"num_format": "@", "align": "left"},
    "number": {"num_format": "0.0000", "align": "right"},
    "score": {"num_format": '[<-1000000]"·";0.0000', "align": "right"},
    "precise": {"num_format": "0.00000000", "align": "right"},
    "share": {"num_format": "0.0%", "align": "right"},
    "ids": {"num_format": "0", "align": "right", "font_color": MUTED},
    "title": {"font_size": 20, "bold": True, "font_color": ACCENT, "valign": "vcenter"},
    "heading": {"font_size": 13, "bold": True, "font_color": ACCENT, "bottom": 1, "bottom_color": RULE},
    "header": {"bold": True, "font_color": MUTED, "bottom": 1, "bottom_color": RULE},
    "number header": {"bold": True, "font_color": MUTED, "bottom": 1, "bottom_color": RULE, "align": "right"},
    "sentence": {"text_wrap": True, "valign": "top"},
    "note": {"italic": True, "font_color": MUTED},
    "label": {"indent": 1, "bold": True, "bg_color": TINT, "valign": "vcenter"},
    "axis": {"bold": True, "font_color": MUTED, "bg_color": TINT, "align": "right"},
    "link": {"font_color": ACCENT, "underline": 1},
    "input": {
        **INPUT,
        "num_format": "@",  # what is typed stays text, also "42" and "1/2"
        "valign": "vcenter",
        "indent": 1,
        "bold": True,
    },
    "input number": {**INPUT, "num_format": "0.0000", "align": "right"},
    "input whole": {**INPUT, "num_format": "0", "align": "right"},
    "answer": {"indent": 1, "bold": True, "font_color": ACCENT, "bg_color": TINT, "valign": "vcenter"},
    "warning": {"font_color": WARNING},
    "piece": {"num_format": "@", "align": "center", "bg_color": TINT},
    "quiet": {"num_format": "0", "align": "right", "font_color": MUTED, "font_size": 9},
    "small": {"font_size": 9, "font_color": MUTED},
    "rank": {"num_format": "0", "align": "center", "font_size": 9, "font_color": MUTED},
    "count": {"num_format": "#,##0", "align": "right", "font_color": MUTED},
    "message": {"indent": 1, "text_wrap": True, "font_color": WARNING, "bg_color": WARNING_FILL},
}
"""Each style as XlsxWriter's properties of a format, beyond `PLAIN`."""
