// Package signtools names the program of others that signs images and checks signatures beside berth; go.mod pins its
// version.
package signtools

import (
	_ "github.com/sigstore/cosign/v3/cmd/cosign"
)
