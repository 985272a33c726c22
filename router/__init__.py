"""Decides which model answers, finds sources, asks the model and streams what it says.

Nothing here imports streamlit or anything from `components`.
"""
