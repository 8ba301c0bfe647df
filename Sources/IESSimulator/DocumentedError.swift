// SPDX-License-Identifier: Apache-2.0

/// The codes that public material names (facts/ies-api.md sections 7.2 and 7.3), with a status and a text.
package enum DocumentedError {
    /// Refusals of the service and of the gateway, by the code they carry.
    package static let all: [Refusal] = service + gateway

    /// The documented refusal with that code, `APIG.` and `APIGW.` meaning the same.
    package static func named(_ code: String) -> Refusal? {
        let wanted = code.replacing("APIGW.", with: "APIG.")
        guard var refusal = all.first(where: { $0.code == wanted }) else { return nil }
        refusal.code = code
        return refusal
    }

    /// What the gateway or the service would most likely say with that status.
    package static func forStatus(_ status: Int) -> Refusal {
        let code =
            switch status {
            case 400: "MSS.000000003"
            case 401: "APIG.0301"
            case 403: "APIG.0302"
            case 404: "APIG.0101"
            case 405: "APIG.0501"
            case 413, 414, 494, 502, 504: "APIG.0201"
            case 429: "APIG.0308"
            case 503: "APIG.0613"
            case 500...: "APIG.0601"
            default: "MSS.000000001"
            }
        var refusal = named(code) ?? Refusal(code: code, message: HTTPStatus.reason(status))
        refusal.status = status
        return refusal
    }

    private static let service: [Refusal] = [
        Refusal(code: "MSS.000000001", message: "失败"),
        Refusal(code: "MSS.000000002", message: "内部错误"),
        Refusal(code: "MSS.000000003", message: "参数错误"),
        Refusal(code: "MSS.000000004", message: "非法访问：未认证或认证失败"),
        Refusal(status: 401, code: "MSS.00000001", message: "Unauthorized", shape: .withoutRequestID),
        Refusal(code: "MSS.00000002", message: "请求体不合法"),
        Refusal(code: "MSS.00000003", message: "请求参数不合法"),
        Refusal(code: "MSS.00010003", message: "API不存在，请检查URL"),
        Refusal(code: "MSS.00010004", message: "请求方法不允许"),
        Refusal(code: "MSS.00010008", message: "请求头中的Token无效"),
        Refusal(code: "MSS.00010009", message: "URL中的租户与Token中的租户不一致"),
        Refusal(code: "MSS.10000002", message: "请求不是JSON，请检查Content-Type"),
        Refusal(code: "MSS.10000003", message: "参数校验失败"),
        Refusal(code: "MSS.10001001", message: "资产不存在"),
        Refusal(code: "MSS.10001002", message: "URL参数错误"),
        Refusal(code: "MSS.10001003", message: "文件类型为空"),
        Refusal(code: "MSS.10001004", message: "文件不存在"),
        Refusal(code: "MSS.45000001", message: "文件缺失"),
        Refusal(status: 500, code: "MSS.42000007", message: "推理错误"),
        Refusal(status: 403, code: "MSS.47010023", message: "没有技能配置的权限"),
        Refusal(status: 403, code: "MSS.47010028", message: "没有问答配置的权限"),
        Refusal(status: 403, code: "MSS.47010009", message: "没有权限"),
    ]

    private static let gateway: [Refusal] = [
        (404, "0101", "The API does not exist or has not been published in the environment"),
        (404, "0103", "The backend does not exist"),
        (400, "0104", "The plug-in does not exist"),
        (400, "0105", "The backend configuration does not exist"),
        (400, "0106", "Orchestration error"),
        (400, "0201", "Bad request"),
        (401, "0301", "Incorrect IAM authentication information"),
        (403, "0302", "The IAM user is not authorized to access the API"),
        (401, "0303", "Incorrect app authentication information"),
        (403, "0304", "The app is not authorized to access the API"),
        (401, "0305", "Incorrect authentication information"),
        (403, "0306", "API access denied"),
        (401, "0307", "The token must be updated"),
        (429, "0308", "The throttling threshold has been reached"),
        (403, "0310", "The project is unavailable"),
        (401, "0311", "Incorrect debugging authentication information"),
        (403, "0401", "Unknown client IP address"),
        (403, "0402", "The IP address is not authorized to access the API"),
        (403, "0404", "Access to the backend IP address has been denied"),
        (405, "0501", "The app quota has been used up"),
        (405, "0502", "The app has been frozen"),
        (500, "0601", "Internal server error"),
        (400, "0602", "Bad request"),
        (500, "0605", "Domain name resolution failed"),
        (500, "0606", "Failed to load the API configurations"),
        (400, "0607", "The protocol is not supported"),
        (500, "0608", "Failed to obtain the admin token"),
        (500, "0609", "The VPC backend does not exist"),
        (502, "0610", "No backend available"),
        (500, "0611", "The backend port does not exist"),
        (500, "0612", "An API cannot call itself"),
        (503, "0613", "The IAM service is currently unavailable"),
        (500, "0705", "Backend signature calculation failed"),
        (403, "0801", "The service is not accessible in the region"),
        (403, "0802", "The IAM user is forbidden in the region"),
    ].map { Refusal(status: $0.0, code: "APIG.\($0.1)", message: $0.2) }
}
