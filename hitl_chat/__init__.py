"""What a person sees and does."""

from hitl_chat import stubs

stubs.skip()  # before one of these files imports Gradio
