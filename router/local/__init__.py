"""The embedded models: verified weights, and llama.cpp in a process of its own."""
