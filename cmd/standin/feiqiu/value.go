package feiqiu

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

// Cents is an amount of money in fen.
type Cents = money.Cents

// perHour is the charge for a stretch of time at an hourly price.
func perHour(price Cents, seconds int64) Cents { return price * Cents(seconds) / 3600 }

// percent is a share of an amount, half a fen rounded up.
func percent(c Cents, rate int64) Cents { return (c*Cents(rate) + 50) / 100 }

// The upstream has two ways to write that there is no date.
const (
	noDate    = "0000-00-00 00:00:00"
	noNetDate = "0001-01-01 00:00:00"
	layout    = time.DateTime
)

func wall(t time.Time) string { return t.In(Zone).Format(layout) }

// yesNo is the upstream's boolean of the kind 1 yes, 2 no.
func yesNo(b bool) int {
	if b {
		return 1
	}
	return 2
}

// idKind is the part of an id that tells what it identifies.
type idKind int64

const (
	memberID       idKind = 30
	cardID         idKind = 31
	balanceID      idKind = 32
	systemMember   idKind = 33
	tableID        idKind = 40
	areaID         idKind = 41
	qrCodeID       idKind = 42
	assistantID    idKind = 50
	serviceID      idKind = 51
	cancellationID idKind = 52
	couponID       idKind = 55
	packageID      idKind = 56
	redemptionID   idKind = 57
	goodsID        idKind = 60
	tenantGoodsID  idKind = 61
	categoryID     idKind = 62
	stockID        idKind = 63
	goodsLineID    idKind = 64
	orderGoodsID   idKind = 65
	goodsBusiness  idKind = 66
	reportID       idKind = 67
	settleID       idKind = 70
	rechargeID     idKind = 71
	paymentID      idKind = 72
	orderID        idKind = 73
	rechargeOrder  idKind = 74
	refundID       idKind = 75
	tableLineID    idKind = 76
	adjustID       idKind = 77
	cardTypeID     idKind = 79
	operatorID     idKind = 90
)

// id is a number of sixteen digits: 1000, the kind, the hall, the day it was made on, and a running number.
func id(kind idKind, site, day, n int) int64 {
	return 1000_00_0000000000 + int64(kind)*1e10 + int64(site)*1e9 + int64(day)*1e5 + int64(n)
}

// encode cannot fail for the types of this package.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("feiqiu: encode %T: %v", v, err))
	}
	return raw
}
