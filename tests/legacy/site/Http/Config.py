# SPDX-License-Identifier: Apache-2.0
Debug = True
