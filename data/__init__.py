"""What is kept and what ships: records, the log, presets, documentation and the router's weights.

Nothing here imports streamlit, litellm, or anything from `router` or `components`.
"""
