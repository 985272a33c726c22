"""What people see: the pages and their parts. With app.py the only code that imports streamlit."""
