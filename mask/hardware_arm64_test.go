//go:build !purego

package mask

import "testing"

// hardware returns the implementations that this processor must have.
func hardware(*testing.T) []string { return []string{"neon", "neon_unlimited", "word"} }
