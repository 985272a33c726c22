"""A test page, not the app: one of each thing whose colours the theme decides."""

import streamlit as st

st.title("Title")
st.caption("A caption")
st.markdown(
    "Text with [a link](https://e.example) and `code` :green[g] :red[r] :gray[y] :orange[o] :blue-badge[b]"
)
st.button("Button")
st.pills("Pills", ["a", "b"], default="a")
st.info("info")
st.warning("warning")
st.error("error")
st.success("success")
with st.chat_message("user"):
    st.text("A message")
with st.expander("More"):
    st.write("x")
st.container(key="all-drawn").caption("All drawn")
st.chat_input("Ask", key="chat")
