//go:build !linux

package pgserver

import "errors"

func execUnable() error { return errors.ErrUnsupported }
