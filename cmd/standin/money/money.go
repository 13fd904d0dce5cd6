// Package money is what stand-ins share to write amounts: exact, in fen.
package money

import "fmt"

// Cents is an amount of money in fen.
type Cents int64

// String is the amount in yuan: "94.00".
func (c Cents) String() string {
	sign, v := "", int64(c)
	if v < 0 {
		sign, v = "-", -v
	}
	return fmt.Sprintf("%s%d.%02d", sign, v/100, v%100)
}

// MarshalJSON writes the amount as a number of yuan that keeps both decimals.
func (c Cents) MarshalJSON() ([]byte, error) { return []byte(c.String()), nil }
