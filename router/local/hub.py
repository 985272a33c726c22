"""Weights from the model hub, by plain HTTPS.

huggingface_hub builds the address (and so honours HF_ENDPOINT's form of it), but its own download can
neither be cancelled nor checked against a hash that we hold, and keeps files in a cache of its own.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import httpx

from data.model_files import HubSource, ModelFile
from router.local.download import OnBytes, download


def fetch_from_hub(
    model: ModelFile,
    source: HubSource,
    part: Path,
    client: httpx.Client,
    on_bytes: OnBytes,
    cancel: threading.Event,
) -> None:
    """Bring the file to `part`. Raises SourceFailed, Cancelled, OSError."""
    # Imported here: it costs 50 ms that a start with all weights present need not pay.
    from huggingface_hub import hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT") or None
    url = hf_hub_url(source.repo, source.file, revision=source.revision, endpoint=endpoint)
    download(client, url, part, size=model.bytes, on_bytes=on_bytes, cancel=cancel)
