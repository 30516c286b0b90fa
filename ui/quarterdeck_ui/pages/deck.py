"""The command deck. Live data reaches the components by the push route; Streamlit keeps forms and commands."""

from quarterdeck_ui import deck

deck.show()
