"""`python -m autonomy` is `autonomy`."""

import sys

from autonomy.cli import main

sys.exit(main())
