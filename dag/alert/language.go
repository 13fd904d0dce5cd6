package alert

import (
	"fmt"
	"regexp"
	"time"
)

// Language is what a channel's readers read. The zero value is English.
type Language string

// The languages.
const (
	English Language = "en"
	Chinese Language = "zh"
)

// say is a text of messages in a language, with its values. English texts are their own keys.
func (l Language) say(text string, values ...any) string { return fmt.Sprintf(l.word(text), values...) }

// word is a word of ours in a language: a kind, or what stands for the whole. Names stay as they are.
func (l Language) word(text string) string {
	if l == Chinese {
		if translated, ok := inChinese[text]; ok {
			return translated
		}
	}
	return text
}

// length is a length of time in a language.
func (l Language) length(d time.Duration) string { return l.lengths(length(d)) }

// lengths puts the units of the lengths of time in a text into a language.
func (l Language) lengths(text string) string {
	if l != Chinese {
		return text
	}
	return unit.ReplaceAllStringFunc(text, func(found string) string {
		part := unit.FindStringSubmatch(found)
		return part[1] + " " + unitsInChinese[part[2]]
	})
}

var (
	unit           = regexp.MustCompile(`\b(\d+(?:\.\d+)?(?:e[+-]\d+)?) (days|h|min|s)\b`)
	unitsInChinese = map[string]string{"days": "天", "h": "小时", "min": "分钟", "s": "秒"} //nolint:gochecknoglobals // a table
)

// own puts a message or hint that terrace itself has written into a language. Problems are kept in English, since those who
// read them elsewhere are; what a database or a source says stays as it said it.
func (l Language) own(text string) string {
	if l != Chinese {
		return text
	}
	for _, p := range phrases {
		if p.english.MatchString(text) {
			return l.lengths(p.english.ReplaceAllString(text, p.chinese))
		}
	}
	return text
}

// phrase is a sentence with gaps in both languages.
type phrase struct {
	english *regexp.Regexp
	chinese string
}

func phraseOf(english, chinese string) phrase {
	return phrase{regexp.MustCompile(`^` + english + `$`), chinese}
}

// phrases are what findings say; a test of each finding looks for its own.
var phrases = []phrase{ //nolint:gochecknoglobals // a table
	phraseOf(`landed up to (.+?), (.+?) ago; it may be (.+)`, `已落地至 $1，距今 $2；允许 $3`),
	phraseOf(`read last at (.+?), (.+?) ago; it may be (.+)`, `上次读取于 $1，距今 $2；允许 $3`),
	phraseOf(`read last at (.+?), (.+?) ago; as a rule it is read within (.+)`, `上次读取于 $1，距今 $2；通常每 $3 读取一次`),
	phraseOf(`no run ended well in (.+?); the last one did (.+)`, `$1 内没有成功的运行；最近一次成功于 $2`),
	phraseOf(`no run ended well in (.+)`, `$1 内没有成功的运行`),
	phraseOf(`Does cron or terrace serve still run, and can they reach the database\?`, `cron 或 terrace serve 是否仍在运行，能否连接数据库？`),
	phraseOf(`was due (.+), and nobody has looked since`, `应于 $1 执行，此后无人处理`),
	phraseOf(`was to begin (.+), and has not`, `应于 $1 开始，尚未开始`),
	phraseOf(`Schedules are started by terrace serve or terrace schedule start: does one of them run\?`, `调度由 terrace serve 或 terrace schedule start 启动：其中之一是否在运行？`),
	phraseOf(`the run of (\S+ \S+ \S+) was left out(: .*)?`, `$1 的运行被略过$2`),
	phraseOf(`the run of (\S+ \S+ \S+) was ended: it took longer than its schedule lets it, (.+)`, `$1 的运行已被终止：超过其调度允许的时长 $2`),
	phraseOf(`the run of (\S+ \S+ \S+) was ended(: .*)?`, `$1 的运行已被终止$2`),
	phraseOf(`What was committed stands, and terrace retry goes on with the rest; (.+) gives it more time\.`, `已提交的内容有效，terrace retry 会继续其余部分；$1 可延长时限。`),
	phraseOf(`the command of (\S+ \S+ \S+) ended before a run began(: .*?)?( \(exit code \d+\))?`, `$1 的命令在运行开始前已结束$2$3`),
	phraseOf(`(\S+ \S+), more than (\S+ \S+?)`, `$1，超过 $2`),
	phraseOf(`(\S+ \S+), more than (\S+ \S+?); it grew (.+) in a day`, `$1，超过 $2；一天增长 $3`),
	phraseOf(`the database grew (.+) in a day, more than (.+); it has (.+)`, `数据库一天增长 $1，超过 $2；现有 $3`),
	phraseOf(`(.+?) are free, less than (.+?); it grew (.+) in a day`, `剩余 $1，低于 $2；一天增长 $3`),
	phraseOf(`(.+?) are free(?: \((.+?)\))?, less than (.+)`, `剩余 $1，低于 $3`),
	phraseOf(`(.+?) are used, more than (.+?); (.+?) are free; it grew (.+) in a day`, `已用 $1，超过 $2；剩余 $3；一天增长 $4`),
	phraseOf(`(.+?) are used, more than (.+?); (.+?) are free`, `已用 $1，超过 $2；剩余 $3`),
	phraseOf(`The largest: (.+)`, `最大的表：$1`),
	phraseOf(`took (.+), longer than (.+)`, `耗时 $1，超过 $2`),
	phraseOf(`took (.+), where the median of the last (\d+) is (.+)`, `耗时 $1，而最近 $2 次的中位数为 $3`),
	phraseOf(`The slowest: (.+)`, `最慢的步骤：$1`),
	phraseOf(`(\d+) rows? rejected`, `$1 行被拒绝`),
	phraseOf(`the run left no end: its process was killed, or it lost the database`, `该运行没有结束记录：进程被终止，或失去了数据库连接`),
	phraseOf(`What was committed stands; terrace retry goes on with the rest\.`, `已提交的内容有效；terrace retry 会继续其余部分。`),
}

// inChinese are the texts around problems; a test finds those that lack.
var inChinese = map[string]string{ //nolint:gochecknoglobals // a table
	"As before: %s": "仍然存在：%s", "Recovered: %s": "已恢复：%s", "Next: ": "下一步：",
	"The same was found once more since the last message.":     "自上条消息后又发现 1 次相同问题。",
	"The same was found %d more times since the last message.": "自上条消息后又发现 %d 次相同问题。",
	"run %s": "运行 %s", "began %s": "开始于 %s", "since %s, %s": "自 %s 起，已 %s",
	"1 node skipped because of it: %s": "因此跳过 1 个节点：%s", "%d nodes skipped because of it: %s": "因此跳过 %d 个节点：%s",
	"and %d more": "另有 %d 项", "%s and %d more": "%s 等，另有 %d 项", "production": "生产环境",

	"a test message": "测试消息", "recovered: %s": "已恢复：%s", "still %s": "仍然：%s", "%s: %s": "%s：%s",
	"%s failed": "%s 失败", "%d failed": "%d 项失败",
	"%s failed by its surroundings": "%s 因环境故障失败", "%d failed by their surroundings": "%d 项因环境故障失败",
	"%s found wrong data": "%s 发现数据错误", "%d with wrong data": "%d 项数据错误",
	"%s was done in part": "%s 部分完成", "%d done in part": "%d 项部分完成", "%d skipped": "%d 项跳过",

	"failure": "失败", "error": "错误", "data_quality": "数据质量", "partial_success": "部分成功", "recovered": "已恢复",
	"slow": "缓慢", "late": "延迟", "absent": "未执行", "disk": "磁盘", "test": "测试",
	"database": "数据库", "growth": "增长", "connection to the database": "数据库连接", "runs": "运行",
}
