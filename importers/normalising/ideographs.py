"""Chinese characters as Taiwan, Hong Kong and Japan write them, and their simplified forms, for comparing words."""

# Those that names of columns, classes, materials and fittings are made of; pairs of another and the simplified form.
_PAIRS = (
    "電电訊讯線线點点號号編编標标橫横縱纵徑径寬宽長长設设質质鋼钢鐵铁銅铜膠胶種种類类別别斷断處处單单屬属權权業业築筑構构備备註注圖图"
    "區区動动態态狀状況况廢废棄弃閥阀門门彎弯頭头總总數数條条纜缆壓压徵征測测繪绘調调檢检審审製制錶表時时間间終终連连環环溝沟汙污給给"
    "氣气熱热視视鄰邻過过護护軍军關关開开啟启閉闭溫温實实際际漿浆預预應应鋁铝網网絡络監监廣广廠厂場场淨净無无內内對对樣样規规範范"
    "舊旧豎竖銲焊鑄铸鍍镀鋅锌纖纤磚砖鋪铺為为從从進进離离轉转變变續续側侧邊边緣缘維维產产歸归雙双圓圆橢椭塊块佈布採采國国縣县鄉乡鎮镇"
    "車车東东後后運运營营閘闸認认識识補补劃划計计準准則则說说層层園园壩坝灣湾臺台頂顶鉄铁鋳铸圧压気气図图検检変变広广応应経经県县総总"
    "続续転转鉛铅殼壳覆覆蓋盖揚扬儲储儀仪樁桩牆墙槽槽噴喷灑洒懸悬顯显燈灯號号誌志傳传輸输訖讫買买賣卖隊队員员錄录記记"
)
_SIMPLIFIED = str.maketrans(_PAIRS[0::2], _PAIRS[1::2])
_OTHER = {ord(simple): other for other, simple in reversed([*zip(_PAIRS[0::2], _PAIRS[1::2], strict=True)])}


def simplified(text: str) -> str:
    """A text with the simplified forms of its characters."""
    return text if text.isascii() else text.translate(_SIMPLIFIED)


def traditional(text: str) -> str:
    """A text in the characters of Taiwan, as far as they are known."""
    return text if text.isascii() else text.translate(_OTHER)
