"""Decides which model answers, finds sources, asks the model and streams what it says.

Nothing here imports streamlit or anything from `components`.
"""

import os

# Deciding multiplies small matrices: several threads only wait for each other, a scheduler's turn each time.
# Before numpy is imported; whoever wants more threads (for training, say) sets the variable.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
