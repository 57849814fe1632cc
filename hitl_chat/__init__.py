"""What a person sees and does."""

from hitl_chat import lean

lean.start()  # before one of these files imports Gradio
