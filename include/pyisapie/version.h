/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYISAPIE_VERSION_H
#define PYISAPIE_VERSION_H

/* The one place of the version; meson.build and the Python package read it from here. */
#define PIE_VERSION_MAJOR 2
#define PIE_VERSION_MINOR 0
#define PIE_VERSION "2.0.0"

#endif
