// SPDX-License-Identifier: Apache-2.0

import IESService

/// Tasks a person recognises: finished ones of every kind of file, and some that have no result.
package enum SampleResults {
    /// - Parameter binarySize: Of the large one, in bytes.
    package static func all(binarySize: Int64 = 1 << 30) -> [SimulatedResult] {
        finished(binarySize: binarySize) + refused
    }

    private static func finished(binarySize: Int64) -> [SimulatedResult] {
        let sheet = Spreadsheet.workbook(sheet: "问答对", rows: rows(count: 1_000))
        return [
            SimulatedResult(
                id("be0821bdf8d04949bf4c9852fa87c590"), name: "导入问答对", content: .text(table(rows(count: 1_000))),
                mediaType: "text/csv; charset=utf-8", filename: "问答对.csv", details: details(total: 1_000)),
            SimulatedResult(
                id("4f1c2a7be35d4d0c9a86b1e2c3d4f506"), name: "导出问答对", content: .bytes(sheet),
                mediaType: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                filename: "问答对 2025-04.xlsx", details: details(total: 1_000)),
            SimulatedResult(
                id("9d3e5f60718293a4b5c6d7e8f90a1b2c"), name: "导出知识库", content: .bytes(archive(sheet)),
                mediaType: "application/zip", filename: "knowledge-base.zip", details: details(total: 4)),
            SimulatedResult(
                id("c0ffee00d1a54e6b8f7a6b5c4d3e2f10"), name: "导出数字人模型",
                content: .generated(seed: 2025, size: binarySize), mediaType: "application/octet-stream",
                filename: "avatar-model.bin", details: details(total: 1)),
            SimulatedResult(
                id("00e47a11c0de4f5e9b8a7c6d5e4f3021"), name: "导出空表", content: .bytes([]), mediaType: "text/csv",
                filename: "empty.csv", details: details(total: 0)),
        ]
    }

    private static var refused: [SimulatedResult] {
        var partial = details(total: 500)
        partial.succeeded = 120
        partial.failed = 380
        return [
            SimulatedResult(id("7a6b5c4d3e2f1000a1b2c3d4e5f60718"), name: "导入中", state: .running, details: partial),
            SimulatedResult(id("badc0de0f00d4a5b9c8d7e6f50413223"), name: "导入失败", state: .failed, details: partial),
            SimulatedResult(
                id("0ff11a17ed0c4b3aa291807f6e5d4c3b"), name: "无权限的导出",
                state: .refused(Refusal(code: "MSS.000000004", message: "非法访问：您没有访问该任务结果的权限")),
                details: details(total: 10)),
        ]
    }

    /// A header and so many question-answer pairs, in Chinese and English.
    package static func rows(count: Int) -> [[String]] {
        [["序号", "问题", "答案", "Question", "Answer"]]
            + (0..<count).map { index in
                let pair = pairs[index % pairs.count]
                return ["\(index + 1)", pair.0, pair.1, pair.2, pair.3]
            }
    }

    /// Comma-separated values as RFC 4180 has them, with the mark by which spreadsheet programs know UTF-8.
    package static func table(_ rows: [[String]]) -> String {
        "\u{FEFF}"
            + rows.map { row in
                row.map { cell in
                    cell.contains { $0 == "," || $0 == "\"" || $0.isNewline }
                        ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
                }.joined(separator: ",") + "\r\n"
            }.joined()
    }

    private static func archive(_ sheet: [UInt8]) -> [UInt8] {
        var archive = ZipArchive()
        archive.add("README.txt", Array("Knowledge base, exported by a simulated service.\n知识库导出，来自模拟服务。\n".utf8))
        archive.add("问答/", [])
        archive.add("问答/问答对.csv", Array(table(rows(count: 200)).utf8))
        archive.add("问答/问答对.xlsx", sheet)
        archive.add("audio/greeting.pcm", GeneratedContent(seed: 16, size: 320_000).bytes(in: 0..<320_000))
        return archive.finish()
    }

    private static func id(_ text: String) -> TaskID {
        guard let task = TaskID(rawValue: text) else { preconditionFailure("a literal is not well-formed") }
        return task
    }

    private static func details(total: Int) -> TaskDetails {
        var details = TaskDetails()
        details.total = total
        details.succeeded = total
        return details
    }

    private static let pairs = [
        ("营业时间是几点到几点？", "周一至周五 9:00–18:00。", "What are your opening hours?", "Monday to Friday, 9:00 to 18:00."),
        ("如何重置密码？", "在登录页点击“忘记密码”。", "How do I reset my password?", "Choose \"Forgot password\" on the login page."),
        ("可以开发票吗？", "可以，请在订单页申请。", "Can I get an invoice?", "Yes, ask for it on the order page."),
        ("多久能送到？", "一般三到五天。", "How long does delivery take?", "Three to five days, as a rule."),
        ("支持退货吗？", "七天内无理由退货。", "Can I return goods?", "Within seven days, without giving a reason."),
        ("数字人支持哪些语言？", "中文和英文。", "Which languages does the avatar speak?", "Chinese and English."),
        ("怎样联系人工客服？", "请说“转人工”，或拨打热线。", "How do I reach a person?", "Say \"agent\", or call the hotline."),
    ]
}
