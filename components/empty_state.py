"""What a person sees before the first message: what it can do, what it may get wrong, what to ask."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from components.safe_markdown import plain
from data.product import Product, Suggestion


def load_ahead() -> None:
    """Have the browser fetch now what the end of the first answer needs: unseen, and only on the empty page.

    Streamlit loads the thumbs' code when they are first drawn; the end of the answer would wait for it.
    """
    with st.container(key="load-ahead"):
        st.feedback("thumbs", key="thumbs-ahead", disabled=True)


def draw(product: Product, on_pick: Callable[[Suggestion], None], action: str = "send") -> None:
    """The product's promise and caution, and its suggestions; `on_pick` is called with the one picked.

    `action`: what that does with it, `send` or `fill` the box.
    """
    st.markdown(f"### {plain(product.promise)}")
    st.caption(plain(product.caution))
    with st.container(horizontal=True, gap="small"):
        for suggestion in product.suggestions:
            # A key that begins with `send-` tells the probe that pressing this sends a message.
            with st.container(key=f"{action}-suggestion-{suggestion.id}", width="content"):
                st.button(
                    plain(suggestion.label),
                    key=f"suggestion-{suggestion.id}",
                    on_click=on_pick,
                    args=(suggestion,),
                    help=plain(suggestion.prompt) if suggestion.prompt != suggestion.label else None,
                )
