"""The sequential fully convolutional network of Arriaga et al. 2017 (section III)."""

import keras
from keras import layers

from face_affect_training.networks.head import close


def sequential_fully_cnn(*, input_shape: tuple[int, int, int], classes: int,
                         dropout: float = 0.2) -> keras.Model:
    """Build nine convolutions with batch norm and ReLU, then global average pooling; 591,783.

    dropout: share of the feature maps that is dropped after each pooling. No dense layer.
    """
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for index, filters in enumerate((32, 32, 64, 64, 128, 128, 128, 128), start=1):
        x = layers.Conv2D(filters, 3, padding='same', use_bias=False, name=f'conv{index}')(x)
        x = layers.BatchNormalization(name=f'conv{index}_bn')(x)
        x = layers.Activation('relu', name=f'conv{index}_relu')(x)
        if index in (2, 4, 6):
            x = layers.MaxPooling2D(2, name=f'pool{index}')(x)
        if index % 2 == 0 and dropout > 0.0:
            x = layers.SpatialDropout2D(dropout, name=f'dropout{index}')(x)
    x = layers.Conv2D(classes, 3, padding='same', name='classes')(x)
    x = layers.GlobalAveragePooling2D(name='average')(x)
    return close(inputs, x, 'sequential_fully_cnn')
