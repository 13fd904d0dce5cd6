package feiqiu

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// member is a person on the tenant's list. What may change is kept as a history.
type member struct {
	id       int64
	number   int // within its hall
	site     *site
	mobile   string
	referrer int64
	joinedOn int       // first day on the list
	created  time.Time // zero for those taken over from a paper list
	history  []dated[memberState]
	card     *card // nil until there is a grade with one
	oldCard  *card // of an offer that has ended; most have none
}

type memberState struct {
	nickname string
	grade    int // index into grades
	point    Cents
}

// grade is a member card grade, with its discount on table fees in percent.
type grade struct {
	code     int
	name     string
	discount int64
}

func grades() []grade {
	return []grade{{1, "普通会员", 0}, {2, "储值卡", 10}, {3, "银卡", 12}, {4, "金卡", 15}}
}

func (s memberState) gradeOf() grade { return grades()[s.grade] }

func (w *world) openMembership(s *site) {
	r := w.random(opening, s, 0)
	for n := range w.options.Members {
		created := w.date(0).Add(-time.Duration(1+r.IntN(90*24*60)) * time.Minute)
		if n%7 == 6 {
			created = time.Time{}
		}
		w.join(r, s, n, -1, created)
	}
}

func (w *world) join(r *rand.Rand, s *site, number, day int, created time.Time) {
	m := &member{
		id:       id(memberID, s.index, day+1, number),
		number:   number,
		site:     s,
		mobile:   fmt.Sprintf("1%d****%04d", 30+r.IntN(70), r.IntN(10000)),
		joinedOn: day,
		created:  created,
		history:  []dated[memberState]{{value: memberState{nickname: nickname(r), grade: r.IntN(4)}}},
	}
	if len(w.members) > 0 && chance(r, 30) {
		m.referrer = pick(r, w.members).id
	}
	w.members = append(w.members, m)
	if number%5 == 2 {
		m.oldCard = &card{
			id: id(cardID, s.index, day+1, 50000+number), member: m, kind: "台费卡", expired: true, created: w.date(day).Add(-90 * 24 * time.Hour),
		}
	}
	w.issueCard(r, m, day, m.history[0].value)
}

// changeMembers gives one member of the hall another grade and one another name, and now and then lets a new one join.
func (w *world) changeMembers(s *site, day int) {
	r := w.random(membership, s, day)
	var own []*member
	for _, m := range w.members {
		if m.site == s {
			own = append(own, m)
		}
	}
	order := r.Perm(len(own))
	upgraded := own[order[0]]
	upgraded.change(day+1, func(state *memberState) {
		state.grade = (state.grade + 1 + r.IntN(3)) % 4
		state.point += Cents(100 * (1 + r.IntN(300)))
	})
	w.issueCard(r, upgraded, day, at(upgraded.history, day+1))
	if len(order) > 1 {
		own[order[1]].change(day+1, func(state *memberState) { state.nickname = renamed(r, state.nickname) })
	}
	if chance(r, 10) {
		w.join(r, s, 0, day, w.date(day).Add(time.Duration(10*60+r.IntN(12*60))*time.Minute))
	}
}

func (m *member) change(from int, by func(*memberState)) {
	state := at(m.history, from)
	by(&state)
	m.history = append(m.history, dated[memberState]{from: from, value: state})
}

// nickname draws a name. The last ones are there because people do call themselves so.
func nickname(r *rand.Rand) string {
	if chance(r, 8) {
		return pick(r, []string{"O'Neil", `小\鱼`, "球王🎱", `"大拿"`, "李 四"})
	}
	family := []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴"}
	given := []string{"小虎", "大宝", "静", "伟", "芳", "磊", "洋", "敏", "建国", "思远", "一凡", "雪"}
	return pick(r, family) + pick(r, given)
}

func renamed(r *rand.Rand, old string) string {
	for {
		if name := nickname(r); name != old {
			return name
		}
	}
}

type memberRecord struct {
	ID               int64  `json:"id"`
	TenantID         int64  `json:"tenant_id"`
	RegisterSiteID   int64  `json:"register_site_id"`
	SiteName         string `json:"site_name"`
	Nickname         string `json:"nickname"`
	Mobile           string `json:"mobile"`
	GradeCode        int    `json:"member_card_grade_code"`
	GradeName        string `json:"member_card_grade_name"`
	SystemMemberID   int64  `json:"system_member_id"`
	Point            Cents  `json:"point"`
	GrowthValue      Cents  `json:"growth_value"`
	ReferrerMemberID int64  `json:"referrer_member_id"`
	Status           int    `json:"status"`
	UserStatus       int    `json:"user_status"`
	CreateTime       string `json:"create_time"`
}

// memberProfiles is the tenant's list: every hall gets the members of all halls.
func memberProfiles() stream {
	return stream{
		name: "member_profiles",
		path: "/MemberProfile/GetTenantMemberList",
		list: "tenantMemberInfos",
		rows: func(v view) []row {
			var rows []row
			for _, m := range v.members {
				if m.joinedOn < v.after {
					rows = append(rows, row{key: m.id, raw: encode(m.record(v))})
				}
			}
			return rows
		},
	}
}

func (m *member) record(v view) memberRecord {
	state := at(m.history, v.after)
	created := noDate
	if !m.created.IsZero() {
		created = wall(m.created)
	}
	return memberRecord{
		ID: m.id, TenantID: tenantID, RegisterSiteID: m.site.id, SiteName: m.site.name,
		Nickname: state.nickname, Mobile: m.mobile,
		GradeCode: state.gradeOf().code, GradeName: state.gradeOf().name,
		SystemMemberID: id(systemMember, m.site.index, m.joinedOn+1, m.number),
		Point:          state.point, ReferrerMemberID: m.referrer,
		Status: 1, UserStatus: 1, CreateTime: created,
	}
}
