"""What is kept and what ships: records, the log, presets, documentation and the router's weights.

Nothing here imports streamlit, litellm, or anything from `router` or `components`.
"""

import os

# Small matrices are multiplied here too: see router/__init__.py.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
