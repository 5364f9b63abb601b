"""The end that all networks share."""

import keras
from keras import layers


def close(inputs: keras.KerasTensor, logits: keras.KerasTensor, name: str) -> keras.Model:
    """Return the model from its input to the softmax of its logits, (N, classes) float32.

    Both layers are kept in float32 where the rest is trained in a shorter format.
    """
    logits = layers.Activation('linear', name='logits', dtype='float32')(logits)
    outputs = layers.Activation('softmax', name='probabilities', dtype='float32')(logits)
    return keras.Model(inputs, outputs, name=name)
