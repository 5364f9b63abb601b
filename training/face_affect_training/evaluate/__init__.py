"""Judging models on labelled faces, through the robot's own crop, scale and classifier."""

from face_affect_training.evaluate.contestants import Contestant, open_contestant
from face_affect_training.evaluate.crops import whole_crops
from face_affect_training.evaluate.faces import faces_of_npz, faces_of_reader
from face_affect_training.evaluate.judging import evaluate
from face_affect_training.evaluate.report_files import make_folder, write_report

__all__ = ['Contestant', 'evaluate', 'faces_of_npz', 'faces_of_reader', 'make_folder',
           'open_contestant', 'whole_crops', 'write_report']
