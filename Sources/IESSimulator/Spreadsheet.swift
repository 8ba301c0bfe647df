// SPDX-License-Identifier: Apache-2.0

/// Makes the smallest workbook spreadsheet programs open: one sheet of text (ECMA-376, inline strings).
package enum Spreadsheet {
    package static func workbook(sheet: String, rows: [[String]]) -> [UInt8] {
        let header = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
        let package = "http://schemas.openxmlformats.org/package/2006"
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        let type = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        var archive = ZipArchive()
        func add(_ name: String, _ text: String) { archive.add(name, Array((header + text).utf8)) }
        add(
            "[Content_Types].xml",
            """
            <Types xmlns="\(package)/content-types">\
            <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
            <Default Extension="xml" ContentType="application/xml"/>\
            <Override PartName="/xl/workbook.xml" ContentType="\(type).sheet.main+xml"/>\
            <Override PartName="/xl/worksheets/sheet1.xml" ContentType="\(type).worksheet+xml"/></Types>
            """)
        add(
            "_rels/.rels",
            """
            <Relationships xmlns="\(package)/relationships">\
            <Relationship Id="rId1" Type="\(office)/officeDocument" Target="xl/workbook.xml"/></Relationships>
            """)
        add(
            "xl/workbook.xml",
            """
            <workbook xmlns="\(main)" xmlns:r="\(office)"><sheets>\
            <sheet name="\(escaped(sheet))" sheetId="1" r:id="rId1"/></sheets></workbook>
            """)
        add(
            "xl/_rels/workbook.xml.rels",
            """
            <Relationships xmlns="\(package)/relationships">\
            <Relationship Id="rId1" Type="\(office)/worksheet" Target="worksheets/sheet1.xml"/></Relationships>
            """)
        add(
            "xl/worksheets/sheet1.xml",
            "<worksheet xmlns=\"\(main)\"><sheetData>\(rows.map(row).joined())</sheetData></worksheet>")
        return archive.finish()
    }

    private static func row(_ cells: [String]) -> String {
        let text = cells.map { "<c t=\"inlineStr\"><is><t xml:space=\"preserve\">\(escaped($0))</t></is></c>" }
        return "<row>\(text.joined())</row>"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
