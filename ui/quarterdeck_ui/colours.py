"""The colours of Streamlit's own widgets: those of ``components/theme.css``."""

from typing import Any, Final

DARK: Final = {
    "primaryColor": "#4c8dff",
    "backgroundColor": "#0a0e16",
    "secondaryBackgroundColor": "#121926",
    "textColor": "#e4e9f2",
    "borderColor": "#1e2736",
    "linkColor": "#4c8dff",
    "codeBackgroundColor": "#121926",
    "chartCategoricalColors": ["#4c8dff", "#35d0a0", "#f5b84b", "#b197fc", "#ff8fa3", "#4dd0e1", "#9aa5b5"],
}
LIGHT: Final = {
    "primaryColor": "#1d5fd0",
    "backgroundColor": "#eef1f6",
    "secondaryBackgroundColor": "#ffffff",
    "textColor": "#162032",
    "borderColor": "#d9e0ea",
    "linkColor": "#1d5fd0",
    "codeBackgroundColor": "#f5f7fa",
    "chartCategoricalColors": ["#2a6fdb", "#0b8a64", "#c07a00", "#7c55d1", "#d0506b", "#1490a4", "#6c7a90"],
}
THEME: Final[dict[str, Any]] = {
    "theme.baseFontSize": 14,
    "theme.baseRadius": "6px",
    "theme.font": "Inter, 'SF Pro Text', 'Segoe UI', Roboto, "
    "'Noto Sans', 'Liberation Sans', Arial, system-ui, sans-serif",
    "theme.codeFont": "'JetBrains Mono', 'SF Mono', 'Cascadia Code', "
    "Menlo, Consolas, 'Liberation Mono', ui-monospace, monospace",
    **{f"theme.dark.{name}": value for name, value in DARK.items()},
    **{f"theme.light.{name}": value for name, value in LIGHT.items()},
}
"""Options of Streamlit."""
