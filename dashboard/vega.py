"""
The Vega-Lite specification of an Altair chart, as Streamlit draws it.

Not validated: that took longer than the rest of a page, and says the same of the same chart each time. Tests validate.
"""

from __future__ import annotations

from typing import Any

import altair as alt

alt.theme.enable("none")  # Streamlit has its own, and sizes charts itself


def spec_of(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """What `st.vega_lite_chart` takes."""
    return chart.to_dict(validate=False)
