"""Pages made of Streamlit's own parts; each package has ``page.show``, at ``/?view=`` and its name."""
