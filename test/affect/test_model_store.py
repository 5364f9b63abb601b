# Copyright 2026 face_affect_ros maintainers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Cards of models: an invalid one is reported, with its file, before its network runs."""

import hashlib
import os
from pathlib import Path
import shutil
from typing import Any

from face_affect_ros.affect.classifier import calibrate, Classifier
from face_affect_ros.affect.interpreter import load_runtime, Network
from face_affect_ros.affect.model_store import find_model, load_card, MAX_NETWORK, read_card
from face_affect_ros.affect.types import AffectError, EMOTIONS, GENDERS
import numpy as np
import pytest
import yaml

SHIPPED = {'affect_small_resnet_fast': [('emotion', EMOTIONS), ('gender', GENDERS)],
           'emotion_mini_xception': [('emotion', EMOTIONS)],
           'emotion_sequential_fully_cnn': [('emotion', EMOTIONS)],
           'emotion_small_resnet': [('emotion', EMOTIONS)],
           'gender_mobilenet': [('gender', GENDERS)],
           'gender_mini_xception': [('gender', GENDERS)]}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the folder of a copy of a shipped model."""
    return Path(shutil.copytree(find_model('emotion_mini_xception'), tmp_path / 'mine'))


def change(folder: Path, **entries: Any) -> str:
    """Replace entries of a card; return the name to load it by."""
    card = folder / 'card.yaml'
    metadata = yaml.safe_load(card.read_text())
    metadata.update(entries)
    card.write_text(yaml.safe_dump({key: value for key, value in metadata.items()
                                    if value is not None}))
    return str(folder)


@pytest.mark.parametrize('name', SHIPPED)
def test_the_shipped_models_give_probabilities(name: str) -> None:
    card = load_card(name)
    assert [(head.task, head.labels) for head in card.heads] == SHIPPED[name]
    classifier = Classifier(card)
    for count in (1, 3, 1):
        spec = classifier.crop
        crops = np.random.default_rng(0).integers(
            0, 256, (count, spec.size, spec.size, spec.channels), np.uint8)
        answers = classifier(crops)
        for task, labels in SHIPPED[name]:
            assert answers[task].shape == (count, len(labels))
            np.testing.assert_allclose(answers[task].sum(axis=1), 1.0, atol=1e-4)


@pytest.mark.parametrize('name', SHIPPED)
def test_probabilities_do_not_depend_on_the_batch(name: str) -> None:
    classifier = Classifier(load_card(name))
    spec = classifier.crop
    crops = np.random.default_rng(1).integers(
        0, 256, (9, spec.size, spec.size, spec.channels), np.uint8)
    together, alone = classifier(crops), [classifier(crop[np.newaxis]) for crop in crops]
    for task, _ in SHIPPED[name]:
        np.testing.assert_allclose(together[task], np.concatenate([each[task] for each in alone]),
                                   atol=1e-4)


def test_a_model_is_found_by_path_and_by_the_search_path(
        model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_card(str(model)).name == load_card(str(model / 'card.yaml')).name
    monkeypatch.setenv('FACE_AFFECT_MODEL_PATH', str(model.parent))
    assert find_model('mine') == model


@pytest.mark.parametrize(('entries', 'complaint'), [
    ({'sha256': '0' * 64}, 'model.tflite: sha256 is .* but its card says 0000'),
    ({'sha256': None}, "card.yaml: the entry 'sha256' is missing"),
    ({'file': 'gone.tflite'}, 'gone.tflite: the model file cannot be read'),
    ({'kind': 'oracle'}, "kind is 'oracle'"),
    ({'input': {'size': 0, 'channels': 1, 'scale': 1, 'offset': 0}},
     'input.size must be positive'),
    ({'input': {'size': 48, 'channels': 2, 'scale': 1, 'offset': 0}}, 'input.channels 1 or 3'),
    ({'input': 7}, 'card.yaml: '),
    ({'input': {'size': 10**9, 'channels': 1, 'scale': 1, 'offset': 0}}, 'at most 2048'),
    ({'input': {'size': float('inf'), 'channels': 1, 'scale': 1, 'offset': 0}}, 'card.yaml: '),
    ({'input': {'size': 48, 'channels': 1, 'scale': float('nan'), 'offset': 0}}, 'be finite'),
    ({'file': '/dev/zero'}, '/dev/zero: the model file cannot be read: it is not a file'),
    ({'heads': [{'task': 'age', 'output': 0, 'labels': [], 'threshold': 0.5}]}, "'age' is not"),
    ({'heads': [{'task': 'gender', 'output': 0, 'labels': ['man', 'woman'], 'threshold': 0.5}]},
     'must be woman, man, in this order'),
    ({'heads': [{'task': 'gender', 'output': 0, 'labels': ['woman', 'man'], 'threshold': 2}]},
     'threshold must lie in'),
    ({'input': {'size': [48, 48]}}, r'card.yaml: input.size is \[48, 48\], it must be a whole'),
    ({'input': {'size': 48.7}}, 'card.yaml: input.size is 48.7, it must be a whole number'),
    ({'input': {'size': 48, 'channels': 1, 'scale': '1/255', 'offset': 0}},
     "card.yaml: input.scale is '1/255', it must be a number"),
    ({'crop': {'align': 'false'}}, "card.yaml: crop.align is 'false', it must be true or false"),
    ({'crop': 'none'}, "card.yaml: crop is 'none', it must be a mapping"),
    ({'heads': []}, r'card.yaml: heads has the tasks \[\], it must have one or more, each once'),
    ({'heads': [{'task': 'gender', 'output': output, 'labels': list(GENDERS), 'threshold': 0.5}
                for output in (0, 1)]}, r"heads has the tasks \['gender', 'gender'\]"),
    ({'heads': ['emotion']}, "card.yaml: heads has 'emotion', it must have mappings"),
    ({'heads': [{'task': 'emotion', 'output': 0, 'labels': 7}]},
     'card.yaml: heads.labels is 7, it must be a list'),
    ({'heads': [{'task': 'emotion', 'output': -9, 'labels': list(EMOTIONS), 'threshold': 0.4}]},
     "card.yaml: head 'emotion': output is -9, it must be at least 0"),
    ({'heads': [{'task': 'emotion', 'output': 0, 'labels': list(EMOTIONS), 'threshold': None}]},
     'card.yaml: heads.threshold is None, it must be a number'),
    ({'heads': [{'task': 'emotion', 'output': 0, 'labels': list(EMOTIONS), 'threshold': 0.4,
                 'limits': [20]}]}, r'card.yaml: limits is \[20\], it must be a mapping'),
    ({'heads': [{'task': 'emotion', 'output': 0, 'labels': list(EMOTIONS), 'threshold': 0.4,
                 'limits': {'max_turn': float('nan')}}]},
     'card.yaml: limits.max_turn is nan, it must be a number of at least 0'),
])
def test_an_invalid_card_is_an_error(model: Path, entries: dict[str, Any],
                                     complaint: str) -> None:
    with pytest.raises(AffectError, match=complaint):
        load_card(change(model, **entries))


def test_numbers_may_be_texts_and_the_checksum_may_be_in_upper_case(model: Path) -> None:
    entries = yaml.safe_load((model / 'card.yaml').read_text())
    # YAML 1.1 reads 1e-3 as a text.
    card = load_card(change(model, sha256=entries['sha256'].upper(),
                            input={**entries['input'], 'scale': '1e-3'}))
    assert (card.scale, card.sha256) == (0.001, entries['sha256'])


def test_too_large_a_network_is_refused_before_it_is_read(model: Path) -> None:
    os.truncate(model / 'model.tflite', MAX_NETWORK + 1)
    with pytest.raises(AffectError, match='model.tflite: larger than the limit of 536 MB'):
        load_card(str(model))


def test_an_empty_card_is_an_error(model: Path) -> None:
    (model / 'card.yaml').write_text('')
    with pytest.raises(AffectError, match='card.yaml: it is empty or not a mapping'):
        load_card(str(model))


def test_a_card_that_is_not_yaml_is_an_error(model: Path) -> None:
    (model / 'card.yaml').write_text('{ this: [is not')
    with pytest.raises(AffectError, match='card.yaml: cannot be read as YAML'):
        load_card(str(model))
    (model / 'card.yaml').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(AffectError, match='card.yaml: cannot be read as YAML'):
        load_card(str(model))
    (model / 'card.yaml').write_text('just words')
    with pytest.raises(AffectError, match='card.yaml: '):
        load_card(str(model))


@pytest.mark.parametrize(('text', 'complaint'), [
    ('a: &a [x, x]\nb: &b [*a, *a]\nname: [*b, *b]', 'references .* are not allowed'),
    ('[' * 20_000, 'cannot be read as YAML'),
    ('name: 2001-99-99', 'cannot be read as YAML'),
    ('name: ' + 'x' * 300_000, 'more than 262144 bytes'),
    ('- *nothing', 'cannot be read as YAML'),
])
def test_a_card_that_would_use_much_memory_is_an_error(model: Path, text: str,
                                                       complaint: str) -> None:
    (model / 'card.yaml').write_text(text)
    with pytest.raises(AffectError, match=f'card.yaml: .*{complaint}|{complaint}'):
        load_card(str(model))


def test_a_pipe_is_no_card(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it would wait for a writer."""
    (model / 'card.yaml').unlink()
    os.mkfifo(model / 'card.yaml')
    with pytest.raises(AffectError, match=r'card\.yaml: cannot be read as YAML: it is not a file'):
        read_card(model / 'card.yaml')
    with pytest.raises(AffectError, match=f'there is no card.yaml in {model}'):
        load_card(str(model))
    monkeypatch.setenv('FACE_AFFECT_MODEL_PATH', str(model.parent))
    with pytest.raises(AffectError, match="model 'mine' not found.*known models: affect_small"):
        load_card('mine', 'classifier')


def test_names_of_models_do_not_refer_to_the_working_directory(
        model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    model.rename(model.parent / 'gender_mini_xception')
    assert find_model('gender_mini_xception').resolve() != model.parent / 'gender_mini_xception'
    assert find_model('./gender_mini_xception') == Path('gender_mini_xception')
    with pytest.raises(AffectError, match="'card.yaml' not found"):
        find_model('card.yaml')


@pytest.mark.parametrize('seed', range(3))
def test_a_damaged_network_is_an_error(seed: int, tmp_path: Path) -> None:
    """Random changes of a few bytes, for which the runtime raises many kinds of errors."""
    small = Path(__file__).parents[1] / 'fuzz' / 'corpus' / 'network' / 'seed_small'
    dice = np.random.default_rng(seed)
    path = tmp_path / 'network.tflite'
    for _ in range(20):
        data = bytearray(small.read_bytes())
        for place in dice.integers(0, len(data), 4):
            data[place] = dice.integers(0, 256)
        path.write_bytes(data)
        try:
            network = Network(path)
            network(np.zeros(network.input_shape, np.float32))
        except AffectError as error:
            assert 'network.tflite' in str(error)


@pytest.mark.parametrize(('name', 'complaint'), [
    ('corpus/network/found_huge_tensors', 'its tensors need more than 200 MB'),
    ('fatal/found_hidden_tensor', 'not all of its tensors can be described')])
def test_a_network_of_huge_tensors_is_not_allocated(name: str, complaint: str) -> None:
    """Files of 2 kB found by the fuzzer, for which the runtime would allocate 2 GB."""
    with pytest.raises(AffectError, match=complaint):
        Network(Path(__file__).parents[1] / 'fuzz' / name)


def test_the_folder_of_a_model_may_have_any_name(model: Path) -> None:
    for name in (os.fsdecode(b'caf\xe9'), 'two\nlines', 'null'):
        folder = shutil.copytree(model, model.parent / name)
        classifier = Classifier(load_card(str(folder)))
        crop = np.zeros((1, classifier.crop.size, classifier.crop.size, 1), np.uint8)
        assert classifier(crop)['emotion'].sum() == pytest.approx(1.0)


def test_the_error_about_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(AffectError, match=r"'emotoin' not found; known models: .*emotion_mini_x"
                       ) as caught:
        find_model('emotoin', 'classifier')
    assert 'blazeface' not in str(caught.value)
    with pytest.raises(AffectError, match='there is no card.yaml in /nowhere/model'):
        find_model('/nowhere/model')


def test_a_file_that_is_not_a_network_is_an_error(model: Path) -> None:
    (model / 'model.tflite').write_bytes(b'no network' * 100)
    name = change(model, sha256=hashlib.sha256(b'no network' * 100).hexdigest())
    with pytest.raises(AffectError, match='model.tflite: not a TFLite network'):
        Classifier(load_card(name))


def test_a_network_that_does_not_match_its_card_is_an_error(model: Path) -> None:
    with pytest.raises(AffectError, match='input is .* its card says'):
        Classifier(load_card(change(model, input={'size': 32, 'channels': 3, 'scale': 1.0,
                                                  'offset': 0.0})))
    other = Path(shutil.copytree(find_model('emotion_mini_xception'), model.parent / 'other'))
    head = {'task': 'gender', 'output': 0, 'labels': list(GENDERS), 'threshold': 0.5}
    with pytest.raises(AffectError, match=r'output 0 must have the shape \(1, 2\)'):
        Classifier(load_card(change(other, heads=[head])))


def test_a_task_without_a_head_is_an_error() -> None:
    with pytest.raises(AffectError, match='classifies emotion, not gender'):
        Classifier(load_card('emotion_mini_xception'), tasks=['gender'])


def test_calibration_divides_the_logits() -> None:
    logits = np.array([[2.0, 0.0, -1.0]])
    softmax = np.exp(logits) / np.exp(logits).sum()
    cooler = np.exp(logits / 2) / np.exp(logits / 2).sum()
    np.testing.assert_allclose(calibrate(softmax.astype(np.float32), 2.0), cooler, atol=1e-6)
    assert calibrate(softmax, 1.0) is softmax


def test_a_signal_during_the_import_of_a_runtime_is_not_lost(
        monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise ImportError('initialization failed') from KeyboardInterrupt()   # as pybind11 does

    monkeypatch.setattr('importlib.import_module', interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_runtime()
