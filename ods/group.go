package ods

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
)

// group is the records of one key, by their numbers in Prepared.rows, in the order of arrival.
type group struct {
	first int
	more  []int
	id    uint64 // the same for equal keys, and hardly ever for others
}

// members are the rows of a group, in the order of arrival.
func (g group) members() []int {
	return append([]int{g.first}, g.more...)
}

// identities finds a page's groups by their keys: an open hash table of numbers in Prepared.groups, 1 for the first.
type identities struct {
	slots []int32 // twice as many as there are groups, or more; a power of two
}

// seed is the same for all pages of this process.
var seed = maphash.MakeSeed()

// regroup finds the rows of one key.
func (p *Prepared) regroup() {
	p.groups = make([]group, 0, len(p.rows))
	p.keys = identities{slots: make([]int32, 1<<bits.Len(uint(2*len(p.rows))))}
	var key []byte
	for i := range p.rows {
		r := &p.rows[i]
		key = r.appendIdentity(key[:0])
		id := maphash.Bytes(seed, key)
		slot := p.keys.find(id, p.groups, func(g group) bool { return p.rows[g.first].sameKey(r) })
		if number := p.keys.slots[slot]; number > 0 {
			r.group = int(number) - 1
			p.groups[r.group].more = append(p.groups[r.group].more, i)
			continue
		}
		r.group = len(p.groups)
		p.groups = append(p.groups, group{first: i, id: id})
		p.keys.slots[slot] = int32(len(p.groups))
	}
}

// find gives the slot of the group with the id of which same holds, or the empty one where it would be.
func (k identities) find(id uint64, groups []group, same func(group) bool) int {
	mask := len(k.slots) - 1
	at := int(id) & mask
	for k.slots[at] > 0 {
		if g := groups[k.slots[at]-1]; g.id == id && same(g) {
			break
		}
		at = (at + 1) & mask
	}
	return at
}

// shares reports whether the pages may have a key in common: it may be wrong about pages that have none.
func (p *Prepared) shares(other *Prepared) bool {
	if len(p.groups) > len(other.groups) {
		p, other = other, p
	}
	for _, g := range p.groups {
		at := other.keys.find(g.id, other.groups, func(group) bool { return true })
		if other.keys.slots[at] > 0 {
			return true
		}
	}
	return false
}

// appendIdentity appends bytes that tell the row's key from every other.
func (r *row) appendIdentity(dst []byte) []byte {
	if r.key == nil {
		return append(dst, r.hash[:]...)
	}
	for _, part := range r.key {
		dst = binary.AppendUvarint(dst, uint64(len(part.text)))
		dst = append(dst, part.text...)
	}
	return dst
}

func (r *row) sameKey(other *row) bool {
	if r.key == nil {
		return r.hash == other.hash
	}
	return slices.EqualFunc(r.key, other.key, func(a, b keyPart) bool { return a.text == b.text })
}
