package site

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

// Lang is a language that pages are written in.
type Lang string

// The languages.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// Langs are the languages in the order in which they are offered.
var Langs = []Lang{English, Chinese} //nolint:gochecknoglobals // a table

// ParseLang reads a language's name; anything else is English and false.
func ParseLang(name string) (Lang, bool) {
	for _, l := range Langs {
		if strings.EqualFold(name, string(l)) {
			return l, true
		}
	}
	return English, false
}

// accepted is the language that a reader's Accept-Language prefers.
func accepted(header string) Lang {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return English
	}
	_, i, _ := language.NewMatcher([]language.Tag{language.English, language.Chinese}).Match(tags...)
	return Langs[i]
}

// say is a text of the pages in a language, with its values. English texts are their own keys.
func say(lang Lang, text string, values ...any) string {
	if lang == Chinese {
		if translated, ok := inChinese[text]; ok {
			text = translated
		}
	}
	if len(values) == 0 {
		return text
	}
	return fmt.Sprintf(text, values...)
}

// inChinese has every text of the pages; a test finds those that lack.
var inChinese = map[string]string{ //nolint:gochecknoglobals // a table
	"Home": "首页", "Dashboards": "看板", "Runs": "运行", "Models": "模型", "Lineage": "血缘", "Quality": "数据质量",
	"Sources": "数据源", "Schedules": "调度", "Skip to content": "跳到正文", "Search models": "搜索模型", "Search": "搜索",
	"Language": "语言", "Theme": "主题", "Keys": "快捷键", "Dashboard": "看板", "Run": "运行", "Model": "模型", "Assertion": "断言",
	"as of %s": "截至 %s", "terrace pages": "terrace 页面", "Pages": "页面", "Close": "关闭", "Log in": "登录", "Token": "令牌",
	"This token is not the one.": "令牌不正确。", "Too many wrong tokens came from this address. It is listened to again in %s.": "此地址多次输入错误令牌，%s 后可重试。", "This cannot be shown now; the log of terrace serve says why.": "暂时无法显示；原因见 terrace serve 的日志。",
	"The project's files cannot be shown as they are now: %s": "项目文件当前无法展示：%s",

	// home
	"What failed": "失败", "What is late": "延迟", "Last runs": "最近运行", "Nothing has failed.": "没有失败。", "Nothing is late.": "没有延迟。",
	"Last run": "最近一次运行", "Assertions": "断言", "Streams": "数据流", "Rejected": "已拒绝", "%d of %d passed": "%[2]d 项中 %[1]d 项通过",
	"%d of %d as they should be": "%[2]d 个中 %[1]d 个正常", "Nothing has run yet.": "尚未运行。", "terrace update reads the sources and builds the models.": "terrace update 会读取数据源并构建模型。",
	"Node": "节点", "Status": "状态", "When": "时间", "Why": "原因", "What": "事项", "All runs": "全部运行", "failing rows: %s": "不符行数：%s",
	"%s rows have landed that it has not seen": "有 %s 行已落地但尚未处理", "was due %s": "应于 %s 执行", "rows kept out": "行被拒绝", "Failed steps": "失败步骤",

	// runs
	"Started": "开始时间", "Command": "命令", "Steps": "步骤", "Failed": "失败", "Took": "耗时", "Environment": "环境", "Host": "主机", "Version": "版本",
	"All": "全部", "Newer": "较新", "Older": "较早", "No such run.": "没有该运行。", "Kind": "类型", "Inserted": "插入", "Updated": "更新", "Deleted": "删除",
	"Unchanged": "未变", "Steps over time": "步骤时间线", "The first %d steps are drawn; the table has all.": "仅绘制前 %d 个步骤；表格包含全部。",
	"Nothing was written: all was up to date.": "没有写入：一切已是最新。", "it goes on": "进行中", "does what failed or was skipped": "会重试失败与跳过的步骤",
	"%s waits for a session of the database: process %d (%s, role %s, %s). Where that hangs, this ends it:":                                           "%s 在等待数据库会话：进程 %d（%s，角色 %s，%s）。若它卡住，可用此语句结束：",
	"The database last heard of it %s: it waits for a source, or its process hangs or was stopped. To end it, end process %d on %s, or its sessions:": "数据库上次收到它的语句是%s：它在等待数据源，或进程卡住或被暂停。要结束它，请结束进程 %d（主机 %s），或结束其会话：",
	"It works on": "正在处理", "Steps are told as they end.": "步骤结束后显示。", "Errors": "错误", "State": "状态",
	"This run left no end: its process was killed, or it lost the database. terrace retry goes on with it.": "该运行没有结束记录：进程被终止或失去数据库连接。terrace retry 可继续。",

	// what is asked for
	"Read it": "读取", "Read it, and run the %d that depend on it": "读取，并运行依赖它的 %d 个节点", "Run it": "运行", "Run it and the %d that depend on it": "运行它及依赖它的 %d 个节点",
	"Read it, and run the one that depends on it": "读取，并运行依赖它的节点", "Run it and the one that depends on it": "运行它及依赖它的节点", "also what has not changed": "未变化的也运行", "Judge it now": "立即判定", "Retry what failed or was skipped": "重试失败与跳过的步骤", "Run now": "立即运行", "Run %s now": "立即运行 %s",
	"Pause": "暂停", "Pause %s": "暂停 %s", "Why it is paused": "暂停原因", "Resume": "恢复", "Resume %s": "恢复 %s", "Asked for": "已请求", "Asked for by": "请求者",
	"It had been asked for already; nothing was asked for a second time.": "此前已请求过，未重复请求。", "It begins when the one before has ended.": "前一次结束后开始。",
	"It waits for a worker; %d look for work.": "正在排队，有 %d 个执行者。", "It waits, and nobody looks for work: terrace serve or terrace schedule start takes it.": "正在排队，但没有执行者：请启动 terrace serve 或 terrace schedule start。",
	"It waits, and nobody looks for work of environment %s: terrace serve --env %s or terrace schedule start --env %s takes it.": "正在排队，但环境 %s 没有执行者：请启动 terrace serve --env %s 或 terrace schedule start --env %s。",
	"It runs.": "正在运行。", "A worker has taken it: its run begins.": "已有执行者领取，即将开始运行。", "It has ended.": "已结束。", "It has ended without a run.": "已结束，没有产生运行记录。", "Its run": "对应的运行",
	"Log": "日志", "What it said": "输出", "This page looks again by itself.": "本页会自动刷新。", "Nothing like that was asked for.": "没有这样的请求。",
	"This run goes on.": "该运行尚未结束。", "This run is of another environment.": "该运行属于另一环境。", "No such schedule.": "没有该调度。", "This cannot be asked for.": "不支持这样的请求。",
	"These pages only show.": "这些页面仅供查看。", "This was sent by a page from elsewhere.": "该请求来自其他网站的页面。",
	"This form is too old, or of no page that was shown here: load the page again.": "表单已过期或不是本站页面的表单：请重新加载页面。",

	// models
	"Name": "名称", "Description": "说明", "Domain": "领域", "Owner": "负责人", "Tags": "标签", "Key": "主键", "File": "文件", "Columns": "列", "Column": "列",
	"Type": "数据类型", "Made from": "来源于", "Used for": "用于", "Reads": "读取", "Read by": "被读取", "Header": "文件头", "and what is not known": "以及未知来源",
	"%d of %d": "%[1]d / %[2]d", "and %d more": "另有 %d 项", "Nothing is called that.": "没有匹配的名称。", "Severity": "级别", "Last result": "最近结果", "History": "历史", "Builds": "构建历史", "Figures": "图表",
	"The columns are those of the header: the database could not be asked.": "仅显示文件头中的列：无法询问数据库。", "Judged": "判定时间", "Failing rows": "不符行数",
	"Rows that failed last": "最近不符的行", "These are rows of the data.": "以下是数据行。", "Judges": "判定对象", "No result yet.": "尚无结果。", "Rows": "行数", "Whole graph": "完整图",
	"No such model.": "没有该模型。", "No such assertion.": "没有该断言。", "No rows yet.": "尚无数据。", "Message": "信息",

	// lineage
	"What is read stands left of what reads it.": "被读取者位于读取者左侧。", "Show": "显示", "the same as a table": "以表格显示", "Node or column": "节点或列",
	"Lineage of %s": "%s 的血缘", "Upstream": "上游", "Downstream": "下游", "There are %d nodes: choose one of them to see what is around it.": "共有 %d 个节点：请选择一个查看其周围。",
	"nothing": "无", "No such node.": "没有该节点。",

	// quality
	"Counts and amounts": "数量与金额", "All %d rows are equal.": "全部 %d 行一致。", "%d of %d rows differ.": "%[2]d 行中有 %[1]d 行不一致。", "What was kept out": "被拒绝的数据",
	"Where": "位置", "Every assertion passed.": "所有断言均通过。", "Assertions that did not pass": "未通过的断言", "Assertions that passed": "已通过的断言", "judges": "判定",
	"Comparisons with another relation": "与另一关系的对账", "Compared with": "对比对象", "What is compared": "对比内容", "row counts": "行数", "the newest stands right": "最新在右",
	"Every row is shown; those that differ are marked.": "显示全部行；不一致的行已标记。", "differs": "不一致", "No record was kept out.": "没有被拒绝的记录。", "report as JSON": "JSON 报告",

	// sources
	"Stream": "数据流", "Records": "记录数", "Asked up to": "已请求至", "Landed up to": "已落地至", "Resumes from": "续读自", "Last change": "最近变化", "Last read": "最近读取",
	"Open": "未完成", "Nothing has been landed yet.": "尚无落地数据。", "Source": "数据源", "Freshness": "新鲜度",

	// schedules
	"Spec": "规则", "Zone": "时区", "Next": "下次", "Last": "上次", "Paused": "已暂停", "There are no schedules.": "没有调度。", "terrace schedule add makes one.": "用 terrace schedule add 创建。",
	"Times": "时间点", "Scheduled for": "计划时间", "Schedule": "调度", "began %s": "开始于%s", "until": "至",
	"began %s and goes on (process %d on %s)": "开始于%s，仍在运行（进程 %d，主机 %s）", "was to begin %s": "应于%s开始", "the next was to begin %s, and waits for it": "下一次应于%s开始，正在等待它结束",
	"was to begin %s, and no worker has taken it: all are busy (--slots), or their logs cannot be written": "应于%s开始，但没有执行者领取：执行者都在忙（--slots），或日志无法写入",
	"times that were left out since: %s (%s)":                                                              "此后未执行的次数：%s（%s）", "no scheduler is running: terrace serve or terrace schedule start runs what is due": "没有调度器在运行：terrace serve 或 terrace schedule start 会执行到期的任务",
	"no scheduler of environment %s is running: terrace serve --env %s or terrace schedule start --env %s runs what is due": "环境 %s 没有调度器在运行：terrace serve --env %s 或 terrace schedule start --env %s 会执行到期的任务",
	"no scheduler was there": "当时没有调度器", "no scheduler was there, and a later time ran in its place": "当时没有调度器，由之后的一次代替", "the schedule was paused": "调度已暂停",
	"the next one took its place": "被下一次取代", "the one before had not ended": "前一次尚未结束", "the schedule was changed before it began": "开始前调度已更改", "the schedule was removed": "调度已删除",
	"its process ended without a word: it was killed, or lost the database": "进程没有留下记录就结束了：被终止或失去数据库连接",
	"a step failed": "有步骤失败", "data quality": "数据质量", "wrong input": "输入有误", "surroundings": "环境问题（数据库、网络、磁盘）", "held by another run": "被另一运行占用", "stopped": "被停止",

	// dashboards
	"No model has a figure: docs/MODELS.md says how one is declared.": "没有模型声明图表：声明方法见 docs/MODELS.md。", "Not there yet: %s": "尚不可用：%s",
	"the numbers": "数据", "from %s": "来自 %s", "No such dashboard.": "没有该看板。", "before: %s": "上一期：%s", "no data": "无数据", "unit": "单位",

	// states
	"success": "成功", "failure": "失败", "error": "错误", "skip": "跳过", "timeout": "超时", "cancelled": "已取消", "partial_success": "部分成功", "running": "运行中",
	"pass": "通过", "fail": "不通过", "warn": "警告", "never": "未判定", "incomplete": "不完整", "ok": "正常", "failing": "失败", "quiet": "无新数据", "unread": "未读取",
	"stream": "数据流", "seed": "种子表", "view": "视图", "table": "表", "incremental": "增量表", "scd2": "拉链表", "materialized_view": "物化视图", "sql": "SQL", "assertion": "断言",
	"due": "待执行", "paused": "已暂停", "active": "启用",

	// keys
	"search": "搜索", "next and previous row": "下一行与上一行", "open the row": "打开该行", "home": "首页", "runs": "运行", "models": "模型", "lineage": "血缘", "quality": "数据质量",
	"sources": "数据源", "dashboards": "看板", "close this": "关闭",
}
