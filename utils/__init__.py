"""The course's library: one module for each thing that a chapter teaches."""

import warnings

from tqdm import TqdmWarning

# Libraries miss the widgets for their progress bars; a page of the book wants none.
warnings.filterwarnings("ignore", category=TqdmWarning)
