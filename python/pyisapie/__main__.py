# SPDX-License-Identifier: Apache-2.0
from pyisapie.cli import main

raise SystemExit(main())
