"""How the answers of an experiment are judged."""

import json
from typing import Any, Final

import streamlit as st

_NAMES: Final = {
    "": "No score",
    "exact": "Exact text",
    "regex": "Regular expression",
    "json_schema": "JSON schema",
    "judge": "A model judges",
    "function": "A function of yours",
}


def show() -> dict[str, Any] | None:
    """Draw the choice, and give it as the runner takes it; None for no score."""
    kind = st.selectbox("Score", list(_NAMES), format_func=lambda each: _NAMES[each], key="score")
    match kind:
        case "exact":
            return {
                "type": kind,
                "expected": st.text_input("Expected", "{{ inputs.expected }}", key="score-expected"),
                "ignore_case": st.checkbox("Ignore case", key="score-case"),
            }
        case "regex":
            return {"type": kind, "pattern": st.text_input("Pattern", r"\b(yes|no)\b", key="score-pattern")}
        case "json_schema":
            return {"type": kind, "schema": _schema(st.text_area("Schema", '{"type": "object"}', key="score-schema"))}
        case "judge":
            asked = st.text_area("Question to the judge", "Is the answer correct and complete?", key="score-question")
            return {"type": kind, "model": st.text_input("Judge", "sonnet", key="score-judge"), "question": asked}
        case "function":
            named = st.text_input("Entry point of the group quarterdeck.scores", key="score-function")
            return {"type": kind, "name": named}
    return None


def _schema(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        st.error(f"The schema is no JSON: {error}", icon=":material/error:")
        st.stop()
