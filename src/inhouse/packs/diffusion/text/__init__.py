"""From a prompt to conditioning: weights, tokens, chunks, textual inversion, text models.

:mod:`prompt` reads weights, :mod:`tokenizer` makes token ids, :mod:`embeddings` finds textual inversions,
:mod:`chunks` lays tokens out in windows of CLIP's length, :mod:`clip` runs one text model over them, :mod:`joining`
makes one conditioning of several models' results, and :mod:`encoder` is what travels on a wire.
"""
