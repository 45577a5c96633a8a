"""python -m benchmarks.features"""

import sys

from benchmarks.features import main

sys.exit(main(sys.argv[1:]))
