"""What every axis word and every table name means, once: readings show these sentences, the README prints them."""

from __future__ import annotations

AXES = {
    "pos": "a token's position in the prompt, from 0",
    "query pos": "the position that is looking",
    "key pos": "the position that is looked at",
    "head": "an attention head, from 0; a head is a sheet of its own",
    "d_model": "a dimension of the residual stream",
    "d_head": "a dimension inside one head",
    "head*d_head": "all heads' dimensions side by side, head 0 first",
    "d_mlp": "a neuron of the MLP",
    "d_vocab": "a token of the vocabulary, by its id",
    "n_ctx": "a position, up to the longest prompt that the model can read",
    "d_in": "a column of the table that a sparse autoencoder reads",
    "d_sae": "a feature of a sparse autoencoder",
    "1": "a single row or column",
}

TABLES = {
    "ids": "The prompt as token ids: each token's number in the vocabulary.",
    "embed": "What the model knows of each token before reading on: its row of the embedding table.",
    "pos_embed": "What the model knows of each position: its row of the position table.",
    "resid_pre": "The residual stream as it enters the block: everything that was written for each token so far.",
    "resid_mid": "The residual stream after attention has added what it found.",
    "resid_post": "The residual stream as it leaves the block, after the MLP has added what it made of it.",
    "attn_out": "What attention writes into the residual stream.",
    "mlp_out": "What the MLP writes into the residual stream.",
    "mean": "The mean of each token's row, to be taken off.",
    "scale": "How far each token's row typically strays from its mean, to be divided by.",
    "normalized": "Each token's row brought to a common size, then stretched and shifted by learnt amounts.",
    "q": "Queries: what each token is looking for, by head.",
    "k": "Keys: what each token offers to be found by, by head.",
    "v": "Values: what each token hands over to whoever looks at it, by head.",
    "scores": "How well each token's query matches the key of every token up to it; later ones are masked.",
    "pattern": "The shares of attention: how much each token takes from every token up to it. Each row adds up to 1.",
    "z": "What each head gathered: the values, mixed by the shares of attention.",
    "pre": "How strongly each neuron is addressed, before it decides.",
    "post": "How strongly each neuron fires.",
    "logits": "The score of every token of the vocabulary as the next one, at every position.",
    "probabilities": "The share of every token of the vocabulary as the next one. Each row adds up to 1.",
    "W_E": "The embedding table: one learnt row for every token.",
    "W_pos": "The position table: one learnt row for every position.",
    "W_U": "The unembedding: one learnt column for every token of the vocabulary.",
    "W_Q": "Learnt weights that make queries.",
    "W_K": "Learnt weights that make keys.",
    "W_V": "Learnt weights that make values.",
    "W_O": "Learnt weights that carry what all heads gathered back into the residual stream.",
    "W_in": "Learnt weights by which the neurons read the residual stream.",
    "W_out": "Learnt weights by which the neurons write back.",
    "b_Q": "Learnt amounts added to the queries.",
    "b_K": "Learnt amounts added to the keys.",
    "b_V": "Learnt amounts added to the values.",
    "b_O": "Learnt amounts added to what attention writes.",
    "b_in": "Learnt amounts added before the neurons decide.",
    "b_out": "Learnt amounts added to what the MLP writes.",
    "w": "Learnt stretch of every column of a layer norm.",
    "b": "Learnt shift of every column of a layer norm.",
    "gate": "Whether each feature may fire: above 0 it may (gated sparse autoencoders alone).",
    "sae.pre": "How strongly each feature is addressed, before it is decided whether it fires.",
    "sae.acts": "The features: how strongly each fires. Most are 0.",
    "size": "How large each row's numbers typically are, to be divided by before features are looked for.",
    "recons": "The row rebuilt from its features: every feature's decoder row, as strongly as it fires, and a bias.",
    "error": "What the features miss: the row less what is rebuilt from them, unedited.",
    "unedited.pre": "How strongly each feature is addressed; `sae.pre` are the same numbers, to be edited.",
    "unedited.acts": "The features as they fire when nobody edits them.",
    "unedited.recons": "The row rebuilt from features that nobody edited: what is not rebuilt here counts as missed.",
    "sae.out": "What the model goes on with: the rebuilt row and what the features miss. Unedited, the row itself.",
    "W_enc": "Learnt weights by which features are recognised: one column for every feature.",
    "W_dec": "Learnt directions: what every feature stands for, one row for each.",
    "b_enc": "Learnt amounts added before it is decided which features fire.",
    "b_dec": "Learnt row that is there before any feature fires.",
    "threshold": "The learnt strength from which on each feature fires (jumprelu sparse autoencoders alone).",
    "b_gate": "Learnt amounts added to the gates of the features (gated sparse autoencoders alone).",
    "r_mag": "Learnt stretch of every feature's strength, as a power of e (gated sparse autoencoders alone).",
    "b_mag": "Learnt amounts added to the strength of every feature (gated sparse autoencoders alone).",
}


CHOICES = {
    "choice.position": "The position that is asked about: 1 there, 0 elsewhere.",
    "choice.token": "The token that is asked about: 1 there, 0 elsewhere; -1 for a token it is compared with.",
    "choice.logits": "What is asked about: 1 in its cell of the logits, 0 elsewhere.",
}


TUNED = {
    "translated": "The residual stream as the tuned lens turns it into the directions of the last one.",
    "W": "Learnt weights of a tuned lens: how it turns a residual stream into the directions of the last one.",
    "b": "Learnt amounts that a tuned lens adds.",
}
"""Tables with `tuned_lens` in their names."""


def sentence(name: str) -> str:
    """What a table is, by the last two words of its name, or the last; empty for a name that is not listed."""
    if name in CHOICES:
        return CHOICES[name]
    if name.startswith("gradient.") and name.endswith(".passed"):
        before = name.removeprefix("gradient.").removesuffix(".passed")
        return f"What of the slopes of {before} goes on to the tables before it: none where a number is set by hand."
    if name.startswith("gradient."):
        return f"How far what was asked about moves for each unit that {name.removeprefix('gradient.')} is moved."
    words = name.split(".")
    if "tuned_lens" in words and words[-1] in TUNED:
        return TUNED[words[-1]]
    return TABLES.get(".".join(words[-2:])) or TABLES.get(words[-1], "")
