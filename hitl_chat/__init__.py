"""What a person sees and does."""

from hitl_chat import lean

lean.begin()  # before one of these files imports Gradio
