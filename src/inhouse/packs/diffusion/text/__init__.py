"""From a prompt to conditioning: weights, tokens, chunks, textual inversion, CLIP.

:mod:`prompt` reads weights, :mod:`tokenizer` makes token ids, :mod:`embeddings` finds textual inversions,
:mod:`chunks` lays tokens out in windows of CLIP's length, :mod:`encoder` runs the text model over them.
"""
