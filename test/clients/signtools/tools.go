// Package signtools names another program that signs images and verifies signatures; go.mod pins its version.
package signtools

import (
	_ "github.com/sigstore/cosign/v3/cmd/cosign"
)
