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

"""The stream of training batches: shuffled, weighted, mixed, and the same after a resume."""

from collections.abc import Iterator, Sequence

from face_affect_ros.affect.types import ImageArray
from face_affect_training.data.targets import Targets
from face_affect_training.experiment import Training
from face_affect_training.teachers import Teachers
from face_affect_training.views import Views
import numpy as np
import numpy.typing as npt

Batch = tuple[ImageArray, Targets, npt.NDArray[np.float32]]
SHUFFLE, MIX = 0xA11, 0xB22


class Batches:
    """
    Yields (views uint8 (B, S, S, C), targets (B, K), weights (B,)) epoch after epoch.

    targets: (N, K) float32. weights: (N,) float32. Batches that would not be full are left out;
    the faces in them change with every epoch.
    """

    def __init__(self, views: Views, targets: Targets, weights: npt.NDArray[np.float32],
                 training: Training, *, seed: int, teachers: Teachers | None = None,
                 batch: int = 0) -> None:
        """Take the faces. batch: faces of each batch, those of training by default."""
        self._views, self._targets, self._weights = views, targets, weights
        self._training, self._seed, self._teachers = training, seed, teachers
        self._batch = batch or training.batch
        self._opinions: dict[int, Targets] = {}

    @property
    def steps(self) -> int:
        """Return the number of batches of an epoch."""
        return max(1, len(self._targets) // self._batch)

    def stream(self, first_epoch: int) -> Iterator[Batch]:
        """Yield all batches from the start of an epoch to the end of the training."""
        for epoch in range(first_epoch, self._training.epochs):
            yield from self.epoch(epoch)

    def close(self) -> None:
        """Stop the workers."""
        self._views.close()

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        views = self._views.epoch(epoch)
        targets = self._taught(views, epoch)
        order = _generator(self._seed ^ SHUFFLE, epoch).permutation(len(targets))
        random = _generator(self._seed ^ MIX, epoch)
        gentle = epoch >= self._training.epochs - self._training.plain_epochs
        size = min(self._batch, len(targets))
        for start in range(0, self.steps * size, size):
            rows = order[start:start + size]
            batch = views[rows], targets[rows], self._weights[rows]
            yield batch if gentle else self._mixed(batch, random)

    def _taught(self, views: ImageArray, epoch: int) -> Targets:
        """Return the targets of an epoch; views that come again are not asked about again."""
        if self._teachers is None:
            return self._targets
        first = self._views.first_shown(epoch)
        opinion = self._opinions.get(first)
        if opinion is None:
            opinion = self._teachers.opinion(views)
            if self._views.rounds:
                self._opinions[first] = opinion
        return self._teachers.moved(self._targets, opinion)

    def _mixed(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Return the batch mixed with itself in reverse, or as it is."""
        t = self._training
        kinds = [kind for kind in ('mixup', 'cutmix') if getattr(t, kind) > 0.0]
        if not kinds or random.uniform() >= t.blend_share:
            return batch
        kind = kinds[int(random.integers(len(kinds)))]
        share = float(random.beta(getattr(t, kind), getattr(t, kind)))
        views, targets, weights = batch
        if kind == 'mixup':
            mixed = views * np.float32(share) + views[::-1] * np.float32(1.0 - share)
            views = np.rint(mixed).astype(np.uint8)
        else:
            size = views.shape[1]
            side = int(round(size * np.sqrt(1.0 - share)))
            y, x = random.integers(0, size + 1 - side, 2)
            views = views.copy()
            views[:, y:y + side, x:x + side] = batch[0][::-1, y:y + side, x:x + side]
            share = 1.0 - (side / size) ** 2
        blended = targets * share + targets[::-1] * (1.0 - share)
        return views, blended.astype(np.float32), weights


class Together:
    """
    Batches of several tasks: each holds faces of all of them, in proportion to their numbers.

    parts, widths: batches and number of classes of each task. The targets (B, K) are zero in the
    columns of the tasks that a face has no label of.
    """

    def __init__(self, parts: Sequence[Batches], widths: Sequence[int], epochs: int) -> None:
        self._parts, self._epochs = parts, epochs
        stops = np.cumsum(widths)
        self._columns = [slice(stop - width, stop) for width, stop in zip(widths, stops)]
        self._width = int(stops[-1])

    @property
    def steps(self) -> int:
        """Return the number of batches of an epoch."""
        return min(part.steps for part in self._parts)

    def stream(self, first_epoch: int) -> Iterator[Batch]:
        """Yield all batches from the start of an epoch to the end of the training."""
        for epoch in range(first_epoch, self._epochs):
            streams = zip(*(part.epoch(epoch) for part in self._parts))
            for _, batches in zip(range(self.steps), streams):
                yield self._joined(batches)

    def close(self) -> None:
        """Stop the workers."""
        for part in self._parts:
            part.close()

    def _joined(self, batches: Sequence[Batch]) -> Batch:
        counts = [len(weights) for _, _, weights in batches]
        targets = np.zeros((sum(counts), self._width), np.float32)
        row = 0
        for (_, own, _), count, columns in zip(batches, counts, self._columns):
            targets[row:row + count, columns] = own
            row += count
        views, _, weights = zip(*batches)
        return np.concatenate(views), targets, np.concatenate(weights)


def _generator(seed: int, epoch: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, epoch]))
