"""Design, train, judge and export small real-time CNNs for faces.

Nothing is imported here, so that the command line stays quick and the Keras backend can still be
chosen with KERAS_BACKEND.
"""

__version__ = '0.1.0'
