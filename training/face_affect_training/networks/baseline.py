"""The least that deserves the name of a convolutional network, for others to be held against."""

import keras
from keras import layers

from face_affect_training.networks.head import close
from face_affect_training.networks.plain import penalty


def baseline(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.0,
             regularisation: float = 0.0) -> keras.Model:
    """Build one convolution and a softmax on its pooled features, 129,351 parameters.

    The paper's table names a baseline; the layers are our choice. dropout: share of features
    dropped before the classes. regularisation: factor of the L2 penalty on kernels. The count
    holds for (48, 48, 1) and seven classes.
    """
    inputs = keras.Input(input_shape, name='image')
    x = layers.Conv2D(32, 3, padding='same', kernel_regularizer=penalty(regularisation),
                      name='conv1')(inputs)
    x = layers.Activation('relu', name='conv1_relu')(x)
    x = layers.MaxPooling2D(2, name='pool1')(x)
    x = layers.Flatten(name='features')(x)
    if dropout > 0.0:
        x = layers.Dropout(dropout, name='dropout')(x)
    x = layers.Dense(classes, kernel_regularizer=penalty(regularisation), name='classes')(x)
    return close(inputs, x, 'baseline')
